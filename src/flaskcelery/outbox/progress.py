"""What a running job tells about itself with `report_progress()`, and what it asks with `enqueued_at()`."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from flaskcelery.database import database_now, db, transaction
from flaskcelery.outbox.models import OutboxRow


@dataclass
class _Attempt:
    row_id: uuid.UUID
    attempts: int
    percent: int = 0


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


@contextmanager
def reporting(row_id: uuid.UUID, attempts: int) -> Iterator[None]:
    """Let `report_progress()` within the block be about this attempt of the row."""
    token = _attempt.set(_Attempt(row_id, attempts))
    try:
        yield
    finally:
        _attempt.reset(token)


def report_progress(done: int, total: int = 100) -> None:
    """Save what percentage of the running job is done, if it has changed. Called outside a job, do nothing.

    It is a transaction of its own, so call it outside of others.
    """
    attempt, percent = _attempt.get(), 100 * done // max(total, 1)
    if attempt and percent != attempt.percent:
        attempt.percent = percent
        with transaction():
            mine = update(OutboxRow).where(OutboxRow.id == attempt.row_id, OutboxRow.attempts == attempt.attempts)
            db.session.execute(mine.where(OutboxRow.progress.is_not(None)).values(progress=percent))


def enqueued_at() -> datetime:
    """Return when the running task was enqueued, which is the same in each of its attempts; outside of one, now."""
    attempt = _attempt.get()
    mine = attempt and db.session.scalar(select(OutboxRow.created_at).filter_by(id=attempt.row_id))
    return mine or database_now()
