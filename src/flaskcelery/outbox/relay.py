"""The relay: publishes pending rows again, and sends emails itself when the broker is away. It never runs a job."""

import logging
import signal
import threading
import time
import uuid
from collections.abc import Sequence
from itertools import zip_longest

from flask import current_app
from sqlalchemy import ColumnElement, Row, and_, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from flaskcelery.config.derived import JOBS_QUEUE, URGENT_QUEUE
from flaskcelery.database import db, forget, now_plus, now_plus_once, transaction
from flaskcelery.errors import explain
from flaskcelery.outbox.delivery import deliver
from flaskcelery.outbox.heartbeat import heartbeat_file
from flaskcelery.outbox.models import OutboxRow, is_claimable, is_pending
from flaskcelery.outbox.publisher import BrokerAway, Publisher
from flaskcelery.outbox.schedule import enqueue_scheduled
from flaskcelery.outbox.tasks import TASKS, in_queue
from flaskcelery.retention import find_batch, purge_some

logger = logging.getLogger(__name__)

ROWS_PER_PASS = 200
DIRECT_SENDS_PER_PASS = 20
SENDING_SECONDS = 10  # per pass; after them no other direct send begins
STALE_PERIODS = 6  # a row that has been pending for so long is not left to the workers alone
MAX_WAITING = 1000  # messages on the broker, so that a worker that comes back soon reaches new ones

SLOW_SECONDS = 1  # a domain whose email took longer gets no other direct send in the same pass

DueRow = Row[uuid.UUID, str, str, bool]


def run_forever(period: float) -> None:
    """Make a pass every `period` seconds until SIGTERM, which lets a direct send finish."""
    is_stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_stopping.set())
    while not is_stopping.is_set():
        try:
            relay_once(period, is_stopping)
        except SQLAlchemyError as error:  # the next pass tries again
            logger.error(explain(error, f"The relay cannot reach the database: {type(error).__name__}"))
        finally:
            forget()
        touch_alive()
        is_stopping.wait(period)


def touch_alive() -> None:
    """Touch the file whose age the container's health check looks at."""
    heartbeat_file(current_app, "relay", "alive").touch()


def relay_once(period: float, is_stopping: threading.Event | None = None) -> None:
    """Fail expired rows; publish or send those due for `period` seconds; enqueue scheduled ones, delete old ones."""
    is_stopping = is_stopping or threading.Event()
    expire()
    send_directly(publish_due(period, is_stopping), is_stopping)
    enqueue_scheduled()
    purge_some()


def publish_due(period: float, is_stopping: threading.Event) -> list[DueRow]:
    """Publish the rows that have been due for `period` seconds; return the stale and the unpublished emails."""
    publisher: Publisher = current_app.extensions["publisher"]
    room, room_for_jobs = count_room(publisher)
    rows = take_overdue(period, limit=max(room, DIRECT_SENDS_PER_PASS))
    jobs = take_jobs(period, room_for_jobs)
    published: set[uuid.UUID] = set()
    try:
        for row in [row for row in rows if row.task in TASKS][:room] + jobs:
            if is_stopping.is_set():
                break
            publisher.publish(row.task, row.id)
            published.add(row.id)
    except BrokerAway as error:
        logger.warning("Sending without the broker: %s", error)
    return [row for row in rows if row.is_stale or row.id not in published]


def send_directly(rows: Sequence[DueRow], is_stopping: threading.Event) -> None:
    """Process the rows in this process, as many as a pass allows."""
    deadline, slow = time.monotonic() + SENDING_SECONDS, set()
    for row in rows[:DIRECT_SENDS_PER_PASS]:
        if is_stopping.is_set() or (started := time.monotonic()) >= deadline:
            return
        if row.domain in slow:
            continue
        touch_alive()  # one send can take as long as the longest task
        deliver(row.id)
        if time.monotonic() - started > SLOW_SECONDS:
            slow.add(row.domain)


def count_room(publisher: Publisher) -> tuple[int, int]:
    """Return how many emails and jobs to publish: 0 when the broker is away or no worker empties its queues."""
    try:
        waiting = publisher.count_waiting()
    except BrokerAway as error:
        logger.warning("Sending without the broker: %s", error)
        return 0, 0
    jobs = waiting.pop(JOBS_QUEUE)
    emails, jobs = (max(0, min(ROWS_PER_PASS, MAX_WAITING - number)) for number in (sum(waiting.values()), jobs))
    return emails, jobs


def expire() -> None:
    """Fail a batch of the pending rows whose time is over, once no worker holds their lease."""
    reason = func.coalesce(OutboxRow.error, "expired before delivery")
    is_free = and_(is_pending(), OutboxRow.due_at <= now_plus())
    with transaction():
        found = find_batch(OutboxRow.expires_at, 0, is_free)
        expired = update(OutboxRow).where(OutboxRow.id.in_(found), OutboxRow.expires_at <= now_plus(), is_free)
        values = expired.values(failed_at=now_plus(), error=reason, progress=None)
        rows = db.session.execute(values.returning(OutboxRow.id, OutboxRow.task)).all() if found else []
    for row_id, task in rows:
        logger.error("Row %s (%s) has expired", row_id, task)


def take_overdue(period: float, limit: int) -> list[DueRow]:
    """Return at most `limit` emails due for longer than `period`, urgent and others in turn, oldest first.

    They stay claimable, at the back of the queue. No process works on them: one that did was killed.
    """
    is_urgent, is_job = in_queue(URGENT_QUEUE), in_queue(JOBS_QUEUE)
    with transaction():
        urgent = _find_overdue(period, limit // 2, is_urgent)
        others = _find_overdue(period, limit - len(urgent), ~is_urgent & ~is_job)
        return _move_back([row for pair in zip_longest(urgent, others) for row in pair if row])


def take_jobs(period: float, limit: int) -> list[DueRow]:
    """Return at most `limit` jobs due for longer than `period`, oldest first. They move to the back, too."""
    with transaction():
        return _move_back(_find_overdue(period, limit, in_queue(JOBS_QUEUE)))


def _move_back(rows: Sequence[DueRow]) -> list[DueRow]:
    found = OutboxRow.id.in_([row.id for row in rows])
    db.session.execute(update(OutboxRow).where(found).values(due_at=now_plus(), progress=None))
    return list(rows)


def _find_overdue(period: float, limit: int, where: ColumnElement[bool]) -> Sequence[DueRow]:
    # The broker has probably taken the messages of a row that has been pending for long, but its workers can be away.
    is_stale = OutboxRow.created_at <= now_plus(-STALE_PERIODS * max(period, 1))
    return db.session.execute(
        select(OutboxRow.id, OutboxRow.task, OutboxRow.domain, is_stale.label("is_stale"))
        .where(is_claimable(), OutboxRow.due_at <= now_plus_once(-period), where)
        .order_by(OutboxRow.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
