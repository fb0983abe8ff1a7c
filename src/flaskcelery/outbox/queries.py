"""The outbox for operators: counts, lists, retry and retention, for commands and pages alike."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from flask import current_app
from sqlalchemy import ColumnElement, Select, func, select, true, update

from flaskcelery.audit.events import Actor, Event, record
from flaskcelery.database import db, now_plus
from flaskcelery.outbox import publisher
from flaskcelery.outbox.models import OutboxRow, OutboxTotal, is_claimable, is_pending, is_waiting
from flaskcelery.retention import DAY, delete_batch, purge


def states() -> dict[str, ColumnElement[bool]]:
    """Return the condition of each state by name; due rows are pending, too."""
    return {
        "pending": is_pending(),
        "due": is_claimable(),
        "failed": OutboxRow.failed_at.is_not(None),
        "done": OutboxRow.done_at.is_not(None),
    }


def count_states(*names: str) -> dict[str, int]:
    """Return how many rows are in each of these states; without names, in every state."""
    chosen = {name: where for name, where in states().items() if not names or name in names}
    counts = [select(func.count()).select_from(OutboxRow).where(where).scalar_subquery() for where in chosen.values()]
    return dict(zip(chosen, db.session.execute(select(*counts)).one(), strict=True))


def find_oldest_pending() -> timedelta | None:
    """Return the age of the oldest pending row, for the health page and the alerts."""
    oldest, now = db.session.execute(select(func.min(OutboxRow.created_at), now_plus()).where(is_waiting())).one()
    return now - oldest if oldest else None


def select_rows(where: ColumnElement[bool]) -> Select[OutboxRow]:
    """Return the query for the rows of a state or of a user, newest first."""
    return select(OutboxRow).where(where).order_by(OutboxRow.created_at.desc())


def find_rows(where: ColumnElement[bool], limit: int | None = None) -> Sequence[OutboxRow]:
    """Return the rows of a state or of a user, newest first."""
    return db.session.scalars(select_rows(where).limit(limit)).all()


def read_totals() -> dict[str, int]:
    summed = select(OutboxTotal.name, func.sum(OutboxTotal.total)).group_by(OutboxTotal.name)
    return {name: int(total) for name, total in db.session.execute(summed)}


def retry(row_id: uuid.UUID | None = None, actor: Actor | None = None) -> int:
    """Make one failed row, or all of them, pending and due with a new expiry, and audit it; return how many.

    The caller commits.
    """
    failed = update(OutboxRow).where(OutboxRow.failed_at.is_not(None), OutboxRow.id == row_id if row_id else true())
    later = now_plus(current_app.config["OUTBOX_EXPIRE_AFTER"])
    retried = failed.values(failed_at=None, due_at=now_plus(), expires_at=later)
    rows = db.session.execute(retried.returning(OutboxRow.task, OutboxRow.id, OutboxRow.user_id)).all()
    if row_id:  # the relay publishes many rows, at a rate that does not fill the broker
        for row in rows:
            publisher.publish_after_commit(row.task, row.id)
    if rows:
        user_id = rows[0].user_id if row_id else None
        record(Event.EMAILS_RETRIED, user_id, detail=f"{len(rows)} emails", actor=actor)
    return len(rows)


@purge
def purge_done() -> Sequence[object]:
    return delete_batch(OutboxRow, OutboxRow.done_at < now_plus(-DAY * current_app.config["OUTBOX_KEEP_DAYS"]))
