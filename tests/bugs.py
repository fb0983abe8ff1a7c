"""Exceptions that a worker only logs, raised to the test that makes it do its work."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from flaskcelery.outbox.delivery import logger


class Raising(logging.Handler):
    """Raises the exception that a line of the log is about."""

    def emit(self, record: logging.LogRecord) -> None:
        """Raise it."""
        if record.exc_info and record.exc_info[1]:
            raise record.exc_info[1]


@contextmanager
def bugs_raised() -> Iterator[None]:
    """Raise what a task in the block raises unexpectedly."""
    handler = Raising()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
