"""The relay: publishes again what is still owed, and sends by itself when the broker is away."""

import logging
import time
import uuid

from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from flaskcelery.database import db, now_plus, transaction
from flaskcelery.outbox.delivery import deliver
from flaskcelery.outbox.models import OutboxRow, is_claimable, is_owed
from flaskcelery.outbox.tasks import TASKS

logger = logging.getLogger(__name__)

ROWS_PER_PASS = 200
SENT_BY_ITSELF_PER_PASS = 20


def run_for_ever(period: float) -> None:
    """Make a pass every `period` seconds; a pass that fails for want of a database is tried again."""
    while True:
        try:
            relay_once(period)
        except DBAPIError as error:
            logger.error("The relay cannot reach the database: %s", type(error).__name__)
        finally:
            db.session.remove()
        time.sleep(period)


def relay_once(period: float) -> None:
    """Fail what has given up, then pass on what has been due for longer than one period."""
    give_up()
    broker_is_away, sent = False, 0
    for row_id, task in take_overdue(period):
        if not broker_is_away and task in TASKS:
            broker_is_away = not _publish(task, row_id)
        if (broker_is_away or task not in TASKS) and sent < SENT_BY_ITSELF_PER_PASS:
            deliver(row_id)
            sent += 1


def give_up() -> None:
    """Fail the rows that nobody could settle in time, whatever else they are."""
    with transaction():
        rows = db.session.execute(
            update(OutboxRow)
            .where(is_owed(), OutboxRow.gives_up_at <= now_plus())
            .values(failed_at=now_plus())
            .returning(OutboxRow.id, OutboxRow.task)
        ).all()
    for row_id, task in rows:
        logger.error("Row %s (%s) was given up", row_id, task)


def take_overdue(period: float) -> list[tuple[uuid.UUID, str]]:
    """Return the rows due for longer than `period`, oldest first, and put them at the back of the line.

    They stay claimable: due again from now on.
    """
    with transaction():
        rows = db.session.execute(
            select(OutboxRow.id, OutboxRow.task)
            .where(is_claimable(), OutboxRow.due_at <= now_plus(-period))
            .order_by(OutboxRow.due_at)
            .limit(ROWS_PER_PASS)
            .with_for_update(skip_locked=True)
        ).all()
        ids = [row.id for row in rows]
        if ids:
            db.session.execute(update(OutboxRow).where(OutboxRow.id.in_(ids)).values(due_at=now_plus()))
    return [(row.id, row.task) for row in rows]


def _publish(task: str, row_id: uuid.UUID) -> bool:
    try:
        current_app.extensions["publisher"].publish(task, row_id)
    except Exception as error:  # whatever the broker does, this pass goes on without it
        logger.warning("The broker did not take row %s, sending without it: %s", row_id, error)
        return False
    return True
