"""The outbox for operators: counts, lists, retry and retention, for commands and pages alike."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from flask import current_app
from sqlalchemy import ColumnElement, Row, and_, case, func, select, update

from flaskcelery.audit.events import Actor, Event, record
from flaskcelery.config.derived import JOBS_QUEUE
from flaskcelery.database import db, now_plus, transaction
from flaskcelery.outbox import publisher
from flaskcelery.outbox.models import OutboxRow, OutboxTotal, is_claimable, is_pending, is_running, is_waiting
from flaskcelery.outbox.tasks import TASKS, in_queue
from flaskcelery.retention import DAY, delete_batch, find_batch, purge

Retried = Sequence[Row[str, uuid.UUID, int | None]]  # the task, the id and the user


def is_job() -> ColumnElement[bool]:
    """Select the rows of jobs; all others are emails."""
    return in_queue(JOBS_QUEUE)


def states() -> dict[str, ColumnElement[bool]]:
    """Return the condition of each state by name; due and running rows are pending, too."""
    return {
        "pending": is_pending(),
        "due": is_claimable(),
        "running": is_running(),
        "failed": OutboxRow.failed_at.is_not(None),
        "done": OutboxRow.done_at.is_not(None),
    }


def count_states(*names: str) -> dict[str, int]:
    """Return how many emails are in each of these states, or in all, and how many jobs, under `jobs_` and the state."""
    emails = {name: where & ~is_job() for name, where in states().items()}
    jobs = {f"jobs_{name}": where & is_job() for name, where in states().items()}
    chosen = {name: where for name, where in (emails | jobs).items() if not names or name in names}
    counts = [select(func.count()).select_from(OutboxRow).where(where).scalar_subquery() for where in chosen.values()]
    return dict(zip(chosen, db.session.execute(select(*counts)).one(), strict=True))


def find_oldest_pending() -> timedelta | None:
    """Return the age of the oldest pending email, for the health page and the alerts."""
    oldest_email = select(func.min(OutboxRow.created_at), now_plus()).where(is_waiting(), ~is_job())
    oldest, now = db.session.execute(oldest_email).one()
    return now - oldest if oldest else None


def find_rows(where: ColumnElement[bool], limit: int | None = None) -> Sequence[OutboxRow]:
    """Return the rows of a state or of a user, newest first."""
    return db.session.scalars(select(OutboxRow).where(where).order_by(OutboxRow.created_at.desc()).limit(limit)).all()


def read_totals() -> dict[str, int]:
    summed = select(OutboxTotal.name, func.sum(OutboxTotal.total)).group_by(OutboxTotal.name)
    return {name: int(total) for name, total in db.session.execute(summed)}


def retry_row(row_id: uuid.UUID, actor: Actor | None = None) -> bool:
    """Make one row that waits or has failed due now; audit it, and return whether there is one. The caller commits."""
    rows = _make_due(and_(OutboxRow.id == row_id, _is_idle()))
    for row in rows:  # at most one
        publisher.publish_after_commit(row.task, row.id)
        _record_retry(rows, actor, row.user_id)
    return bool(rows)


def retry_failed(*of: ColumnElement[bool], actor: Actor | None = None) -> int:
    """Make a batch of such failed rows pending again; audit it, and return how many. The caller commits.

    The relay publishes them, at a rate that does not fill the broker.
    """
    batch = find_batch(OutboxRow.failed_at, 0, *of)
    rows = _make_due(and_(OutboxRow.id.in_(batch), OutboxRow.failed_at.is_not(None)))
    _record_retry(rows, actor)
    return len(rows)


def _make_due(chosen: ColumnElement[bool]) -> Retried:
    """Make the rows pending and due now; those that have failed get a new expiry."""
    new_expiry = now_plus(current_app.config["OUTBOX_EXPIRE_AFTER"])
    later = case((OutboxRow.failed_at.is_not(None), new_expiry), else_=OutboxRow.expires_at)
    retried = update(OutboxRow).where(chosen).values(failed_at=None, due_at=now_plus(), expires_at=later, progress=None)
    return db.session.execute(retried.returning(OutboxRow.task, OutboxRow.id, OutboxRow.user_id)).all()


def _record_retry(rows: Retried, actor: Actor | None, user_id: int | None = None) -> None:
    jobs = sum(row.task in TASKS and TASKS[row.task].queue == JOBS_QUEUE for row in rows)
    for event, kind, count in ((Event.EMAILS_RETRIED, "emails", len(rows) - jobs), (Event.JOBS_RETRIED, "jobs", jobs)):
        if count:
            record(event, user_id, detail=f"{count} {kind}", actor=actor)


def withdraw(user_id: int, *tasks: str) -> None:
    """Let a user's rows of these tasks that wait or have failed send nothing. The caller commits."""
    mine = update(OutboxRow).where(OutboxRow.user_id == user_id, OutboxRow.task.in_(tasks), _is_idle())
    db.session.execute(mine.values(failed_at=None, done_at=now_plus(), sent_nothing=True, progress=None))


def _is_idle() -> ColumnElement[bool]:
    return OutboxRow.failed_at.is_not(None) | (is_pending() & ~is_running())


def release_jobs() -> int:
    """Make all running jobs due at once, and return how many: for when the processes that ran them are gone."""
    with transaction():
        running = update(OutboxRow).where(is_running(), is_job())
        released = running.values(due_at=now_plus(), progress=None).returning(OutboxRow.task, OutboxRow.id)
        rows = db.session.execute(released).all()
        for row in rows:
            publisher.publish_after_commit(row.task, row.id)
    return len(rows)


@purge
def purge_done() -> Sequence[object]:
    return delete_batch(OutboxRow.done_at, DAY * current_app.config["OUTBOX_KEEP_DAYS"])
