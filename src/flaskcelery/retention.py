"""Retention: functions that delete old rows in batches, called in each pass of the relay."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, select

from flaskcelery.database import db, transaction

DAY = 86400  # seconds
PURGED_PER_PASS = 1000

Purge = Callable[[], Sequence[object]]
PURGES: list[Purge] = []


def purge(function: Purge) -> Purge:
    """Register a function that deletes one batch of rows and returns them; its caller commits."""
    PURGES.append(function)
    return function


def delete_batch(model: Any, where: ColumnElement[bool]) -> Sequence[Any]:
    """Delete at most PURGED_PER_PASS rows and return their ids. The caller commits."""
    chosen = select(model.id).where(where).limit(PURGED_PER_PASS)
    return db.session.scalars(delete(model).where(model.id.in_(chosen)).returning(model.id)).all()


def purge_some() -> int:
    """Delete one batch of each kind, each in its own transaction; return how many rows were deleted."""
    deleted = 0
    for function in PURGES:
        with transaction():
            deleted += len(function())
    return deleted
