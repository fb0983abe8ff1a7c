"""Log lines: readable in development, JSON in production. Tokens are masked in them; whoever logs an email masks it."""

import functools
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from pythonjsonlogger.json import JsonFormatter

from flaskcelery.web.requests import request_id

READABLE = "{levelname} [{name}] {message}"  # `make run` adds the time
FIELDS = {"asctime": "time", "levelname": "level", "name": "logger", "message": "message"}
TOKEN = re.compile(r"\b[0-9a-f]{1,8}-[0-9a-f]{64}\b")  # of a link in an email, see users/tokens.py

_row_id: ContextVar[str] = ContextVar("row_id", default="")


class JsonLines(JsonFormatter):
    """One JSON object a line, as nginx's access log is, with the time as nginx writes it."""

    def __init__(self) -> None:
        compact = functools.partial(json.dumps, separators=(",", ":"))
        super().__init__(list(FIELDS), rename_fields=FIELDS, json_serializer=compact)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  logging's name
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class Lines(logging.StreamHandler):  # type: ignore[type-arg]  # the class is not generic when it runs
    """Standard error, for lines that name their request and outbox row, and never a link's token."""

    def format(self, record: logging.LogRecord) -> str:
        for name, value in current_ids().items():
            setattr(record, name, value)
        return TOKEN.sub("...", super().format(record))


def init_logs(level: str, as_json: bool) -> None:
    """Log to standard error, unless the process has set up logging already."""
    handler = Lines()
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(READABLE, style="{"))
    logging.captureWarnings(as_json)  # then they are lines like all others
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("flaskcelery").setLevel(level)
    for chatty in ("celery.worker.strategy", "celery.app.trace"):  # two lines for each message, beside our own
        logging.getLogger(chatty).setLevel(logging.WARNING)


def current_ids() -> dict[str, str]:
    """Return the ids of the request and of the outbox row that this thread works on."""
    ids = {"request_id": request_id(), "row_id": _row_id.get()}
    return {name: value for name, value in ids.items() if value}


@contextmanager
def about_row(row_id: object) -> Iterator[None]:
    """Let every line that is written within, by any library, name the outbox row."""
    token = _row_id.set(str(row_id))
    try:
        yield
    finally:
        _row_id.reset(token)


def mask_all(text: str) -> str:
    """Return the text with every address in it masked."""
    return re.sub(r"[^\s<>@]+@[^\s<>@]+", lambda found: mask(found[0]), text)


def mask(email: str) -> str:
    """Return the address with most of its local part hidden: `a***@example.com`."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}***@{domain}"
