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
from flaskcelery.outbox.nudge import BrokerAway, Publisher
from flaskcelery.outbox.operations import purge
from flaskcelery.outbox.tasks import TASKS

logger = logging.getLogger(__name__)

ROWS_PER_PASS = 200
SENT_BY_ITSELF_PER_PASS = 20
MAX_WAITING = 1000  # messages on the broker, so that a worker that comes back finds new ones soon


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
    """Fail what has given up, delete what is old, then pass on what has been due for longer than one period."""
    give_up()
    purge()
    publisher: Publisher = current_app.extensions["publisher"]
    sent, is_away, room = 0, False, SENT_BY_ITSELF_PER_PASS
    try:
        room = MAX_WAITING - publisher.count_waiting()
    except BrokerAway as error:
        is_away = True
        logger.warning("Sending without the broker: %s", error)
    for row_id, task in take_overdue(period, min(room, ROWS_PER_PASS)):
        if task in TASKS and not is_away:
            try:
                publisher.publish(task, row_id)
            except BrokerAway as error:
                is_away = True
                logger.warning("Sending without the broker: %s", error)
        if (is_away or task not in TASKS) and sent < SENT_BY_ITSELF_PER_PASS:
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


def take_overdue(period: float, limit: int) -> list[tuple[uuid.UUID, str]]:
    """Return at most `limit` rows due for longer than `period`, oldest first, and put them at the line's back.

    They stay claimable: due again from now on.
    """
    if limit <= 0:
        return []
    with transaction():
        rows = db.session.execute(
            select(OutboxRow.id, OutboxRow.task)
            .where(is_claimable(), OutboxRow.due_at <= now_plus(-period))
            .order_by(OutboxRow.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        ids = [row.id for row in rows]
        if ids:
            db.session.execute(update(OutboxRow).where(OutboxRow.id.in_(ids)).values(due_at=now_plus()))
    return [(row.id, row.task) for row in rows]
