"""The relay: publishes again what is still owed, and sends by itself when the broker is away."""

import logging
import signal
import threading
import time
import uuid
from collections.abc import Sequence

from flask import current_app
from sqlalchemy import Row, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from flaskcelery.database import db, now_plus, transaction
from flaskcelery.outbox.delivery import deliver
from flaskcelery.outbox.heartbeat import heartbeat_file
from flaskcelery.outbox.models import OutboxRow, is_claimable, is_pending
from flaskcelery.outbox.publisher import BrokerAway, Publisher
from flaskcelery.outbox.tasks import TASKS
from flaskcelery.retention import purge_some

logger = logging.getLogger(__name__)

ROWS_PER_PASS = 200
SENT_BY_ITSELF_PER_PASS = 20
SENDING_SECONDS = 10  # per pass; beyond them no further mail is begun
STALE_PERIODS = 6  # a row that is owed for so long is not left to the workers alone
MAX_WAITING = 1000  # messages on the broker, so that a worker that comes back finds new ones soon


def run_for_ever(period: float) -> None:
    """Make a pass every `period` seconds; a pass that fails for want of a database is tried again.

    SIGTERM ends it when the mail in its hands has left.
    """
    is_over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    while not is_over.is_set():
        try:
            relay_once(period, is_over)
        except SQLAlchemyError as error:
            logger.error("The relay cannot reach the database: %s", type(error).__name__)
        finally:
            db.session.remove()
        show_alive()
        is_over.wait(period)


def show_alive() -> None:
    """Touch the file whose age is the relay's probe."""
    heartbeat_file(current_app, "relay", "alive").touch()


def relay_once(period: float, is_over: threading.Event | None = None) -> None:
    """Fail what has given up, delete what is old, then pass on what has been due for longer than one period."""
    expire()
    purge_some()
    publisher: Publisher = current_app.extensions["publisher"]
    sent, sending_ends = 0, time.monotonic() + SENDING_SECONDS
    room = count_room(publisher)
    for row in take_overdue(period, limit=max(room, SENT_BY_ITSELF_PER_PASS)):
        is_told = False
        if room and row.task in TASKS:
            try:
                publisher.publish(row.task, row.id)
                is_told = True
            except BrokerAway as error:
                room = 0
                logger.warning("Sending without the broker: %s", error)
        can_send = sent < SENT_BY_ITSELF_PER_PASS and time.monotonic() < sending_ends
        if is_over and is_over.is_set():
            return
        if can_send and (row.is_stale or not is_told):
            show_alive()
            deliver(row.id)
            sent += 1


def count_room(publisher: Publisher) -> int:
    """Return how many rows the broker may be given in this pass; none when it is away or nobody empties it."""
    try:
        return max(0, min(ROWS_PER_PASS, MAX_WAITING - publisher.count_waiting()))
    except BrokerAway as error:
        logger.warning("Sending without the broker: %s", error)
        return 0


def expire() -> None:
    """Fail the rows that nobody could settle in time, as soon as they are in nobody's hands."""
    with transaction():
        rows = db.session.execute(
            update(OutboxRow)
            .where(is_pending(), OutboxRow.expires_at <= now_plus(), OutboxRow.due_at <= now_plus())
            .values(failed_at=now_plus(), error=func.coalesce(OutboxRow.error, "nobody worked it off in time"))
            .returning(OutboxRow.id, OutboxRow.task)
        ).all()
    for row_id, task in rows:
        logger.error("Row %s (%s) was given up", row_id, task)


def take_overdue(period: float, limit: int) -> Sequence[Row[uuid.UUID, str, bool]]:
    """Return at most `limit` rows due for longer than `period`, oldest first, and put them at the line's back.

    They stay claimable: due again from now on. `is_stale` tells those that are owed for long, though the broker
    may have taken their messages: perhaps its workers are away.
    """
    long_ago = now_plus(-STALE_PERIODS * max(period, 1))
    is_stale = OutboxRow.created_at <= long_ago
    with transaction():
        rows = db.session.execute(
            select(OutboxRow.id, OutboxRow.task, is_stale.label("is_stale"))
            .where(is_claimable(), OutboxRow.due_at <= now_plus(-period))
            .order_by(OutboxRow.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        db.session.execute(
            update(OutboxRow).where(OutboxRow.id.in_([row.id for row in rows])).values(due_at=now_plus())
        )
    return rows
