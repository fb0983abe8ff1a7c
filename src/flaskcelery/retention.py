"""Retention: functions that delete old rows in batches, called in each pass of the relay."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute

from flaskcelery.database import db, now_plus, now_plus_once, transaction
from flaskcelery.errors import explain

logger = logging.getLogger(__name__)

DAY = 86400  # seconds
PURGED_PER_PASS = 1000

Time = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]
Purge = Callable[[], Sequence[object]]
PURGES: list[Purge] = []


def purge(function: Purge) -> Purge:
    """Register a function that deletes one batch of rows and returns them; its caller commits."""
    PURGES.append(function)
    return function


def find_batch(column: Time, age: float, *where: ColumnElement[bool]) -> Sequence[Any]:
    """Return the ids of at most PURGED_PER_PASS rows whose `column`, an indexed time, is at least `age` seconds ago."""
    old = select(column.class_.id).where(column <= now_plus_once(-age), *where)
    return db.session.scalars(old.order_by(column).limit(PURGED_PER_PASS)).all()


def delete_batch(column: Time, age: float, *where: ColumnElement[bool]) -> Sequence[Any]:
    """Delete such rows and return their ids. The caller commits."""
    model, found = column.class_, find_batch(column, age, *where)
    old = delete(model).where(model.id.in_(found), column <= now_plus(-age), *where)
    return db.session.scalars(old.returning(model.id)).all() if found else []


def purge_some() -> int:
    """Delete one batch of each kind, each in its own transaction; return how many rows were deleted."""
    deleted = 0
    for function in PURGES:
        try:
            with transaction():
                deleted += len(function())
        # The next pass tries again, and the other kinds do not wait.
        except SQLAlchemyError as error:
            logger.error(explain(error, f"{function.__name__} failed: {type(error).__name__}"))
        except Exception:  # a bug
            logger.exception("%s failed", function.__name__)
    return deleted
