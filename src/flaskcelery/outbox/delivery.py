"""Processing one row: claim it, run its task, send the email, record the result."""

import logging
import random
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import Celery
from flask import current_app
from sqlalchemy import ColumnElement, case, select, update
from sqlalchemy.exc import InterfaceError, OperationalError

from flaskcelery.database import db, now_plus, transaction
from flaskcelery.extensions import mail
from flaskcelery.logs import about_row
from flaskcelery.mail.errors import (
    ConfigurationMailError,
    PermanentMailError,
    TemporaryMailError,
    UnknownMailError,
    sanitize,
)
from flaskcelery.mail.message import message_id
from flaskcelery.outbox.models import OutboxRow, is_claimable
from flaskcelery.outbox.queries import add_to_total
from flaskcelery.outbox.tasks import TASKS

logger = logging.getLogger(__name__)

MAX_BACK_OFF = 3600  # seconds
MAX_PATIENCE = 7 * 86400  # seconds; even a row that waits for an operator to fix the settings expires
RECORD_RETRY = 0.5  # seconds


@dataclass(frozen=True)
class Claim:
    """The right to process a row until its lease ends; `attempts` tells one claim from the next."""

    id: uuid.UUID
    task: str
    args: dict[str, Any]
    attempts: int
    claimed_at: float  # of this process's monotonic clock

    def __str__(self) -> str:
        return f"Row {self.id} ({self.task})"


def register_tasks(celery: Celery) -> None:
    """Register every outbox task with the worker."""
    for name in TASKS:
        celery.task(name=name)(run)


def run(row_id: str) -> None:
    """Process the row that a broker message names."""
    deliver(uuid.UUID(row_id))


def deliver(row_id: uuid.UUID) -> None:
    """Process the row if it is pending, due and unclaimed."""
    with about_row(row_id):
        if claimed := claim(row_id):
            process(claimed)


def process(claimed: Claim) -> None:
    """Run the task of a claimed row and record the result."""
    try:
        is_sent = perform(claimed)
    except PermanentMailError as error:
        logger.error("%s failed permanently", claimed)
        record(claimed, failed_at=now_plus(), error=str(error))
    except UnknownMailError as error:
        logger.warning("%s: delivery status unknown", claimed)
        record(claimed, error=str(error))  # it is tried again, under the same Message-ID, when its lease ends
    except ConfigurationMailError as error:
        logger.error("Mail is blocked until this is fixed: %s", error)
        postpone(claimed, error, expires_at=extended_expiry())
    except TemporaryMailError as error:
        logger.warning("%s: attempt %s failed", claimed, claimed.attempts)
        postpone(claimed, error)
    except Exception as error:  # a bug of ours: the row stays pending, and a fixed release sends it
        logger.exception("%s: attempt %s raised an unexpected error", claimed, claimed.attempts)
        postpone(claimed, error)
    else:
        # It is done even if it expired while its email was being sent.
        record(claimed, "sent" if is_sent else None, done_at=now_plus(), failed_at=None, error=None)


def claim(row_id: uuid.UUID) -> Claim | None:
    """Lease the row if it is claimable and count the attempt; committed before any work begins."""
    claimed_at = time.monotonic()  # before the database's clock is read, so that this process's limits end first
    with transaction():
        found = db.session.execute(
            select(OutboxRow.task, OutboxRow.args, OutboxRow.attempts)
            .where(OutboxRow.id == row_id, is_claimable())
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if found is None:
            return None
        attempts = found.attempts + 1
        lease = max(current_app.config["OUTBOX_LEASE"], back_off(attempts))
        db.session.execute(
            update(OutboxRow).where(OutboxRow.id == row_id).values(attempts=attempts, due_at=now_plus(lease))
        )
        if attempts > 1:
            add_to_total("retried")
    return Claim(row_id, found.task, found.args, attempts, claimed_at)


def perform(claimed: Claim) -> bool:
    """Run the task and send the email it returns, outside any transaction; return whether there was one."""
    config = current_app.config
    message = TASKS[claimed.task](**claimed.args)
    db.session.remove()
    if message is None:
        logger.info("%s: nothing to send", claimed)
        return False
    message.msgId = message_id(claimed.id)
    # After this time a whole send no longer fits into the lease.
    message.send_before = claimed.claimed_at + config["OUTBOX_LEASE"] - config["MAIL_SEND_DEADLINE"]
    mail.send(message)
    logger.info("%s: sent as %s", claimed, message.msgId)
    return True


def postpone(claimed: Claim, error: Exception, **columns: Any) -> None:
    """Keep the row pending, due after its back-off."""
    reason = sanitize(f"{type(error).__name__}: {error}")
    record(claimed, due_at=now_plus(back_off(claimed.attempts)), error=reason, **columns)


def extended_expiry() -> ColumnElement[datetime]:
    """Return a later expiry for a row that waits for an operator, until it is MAX_PATIENCE old."""
    is_young = OutboxRow.created_at > now_plus(-MAX_PATIENCE)
    return case((is_young, now_plus(current_app.config["OUTBOX_EXPIRE_AFTER"])), else_=OutboxRow.expires_at)


def record(claimed: Claim, total: str | None = None, **columns: Any) -> None:
    """Write the result into the row and add it to a total, unless another process has claimed the row since."""
    # A lost result can cost a duplicate email, so this tries again until Celery would kill the task.
    while True:
        try:
            return _try_record(claimed, total, **columns)
        except (OperationalError, InterfaceError):
            if time.monotonic() > claimed.claimed_at + current_app.config["TASK_TIME_LIMIT"]:
                raise
            logger.warning("%s: the database did not take its result, trying again", claimed)
            time.sleep(RECORD_RETRY)


def _try_record(claimed: Claim, total: str | None, **columns: Any) -> None:
    mine = update(OutboxRow).where(OutboxRow.id == claimed.id, OutboxRow.attempts == claimed.attempts)
    with transaction():
        is_late = db.session.scalar(mine.values(**columns).returning(OutboxRow.id)) is None
        if name := "late_results" if is_late else total:
            add_to_total(name)
    if is_late:
        logger.error("Late result: the lease ended early, %s can be sent twice", message_id(claimed.id))


def back_off(attempts: int) -> float:
    """Return the seconds to wait after so many attempts: doubling to an hour, with jitter."""
    first: float = current_app.config["OUTBOX_RETRY_AFTER"]
    return min(first * 2.0 ** min(attempts - 1, 20), MAX_BACK_OFF) * random.uniform(0.8, 1.2)  # noqa: S311  not a secret
