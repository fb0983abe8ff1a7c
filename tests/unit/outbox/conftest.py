"""A broker and a job that the test commands."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from flaskcelery.config.derived import JOBS_QUEUE
from flaskcelery.database import transaction
from flaskcelery.outbox.tasks import TASKS, OutboxTask
from tests.unit.outbox.broker import Broker

LIMIT = 600  # seconds


@pytest.fixture
def broker(quiet_app: Flask) -> Iterator[Broker]:
    """Return the broker that the relay publishes to."""
    publisher = quiet_app.extensions["publisher"]
    quiet_app.extensions["publisher"] = broker = Broker()
    yield broker
    quiet_app.extensions["publisher"] = publisher


class Job:
    """A job whose work the test chooses."""

    work: Callable[[], None] = staticmethod(lambda: None)

    def body(self) -> None:
        """Do what the test says."""
        self.work()

    def enqueue(self) -> uuid.UUID:
        with transaction():
            return TASKS["job"].enqueue().id


@pytest.fixture
def job(quiet_app: Flask) -> Iterator[Job]:
    """Return a job with a time limit."""
    job = Job()
    TASKS["job"] = OutboxTask("job", job.body, queue=JOBS_QUEUE, time_limit=LIMIT)
    yield job
    del TASKS["job"]
