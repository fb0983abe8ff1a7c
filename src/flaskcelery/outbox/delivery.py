"""Working off one row: claim it, run its task, send the mail, settle the row."""

import logging
import random
import time
import uuid
from dataclasses import dataclass
from typing import Any

from celery import Celery
from flask import current_app
from sqlalchemy import case, select, update
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
MAX_PATIENCE = 7 * 86400  # seconds; a row that waits for somebody to mend the settings ends, too
RECORD_RETRY = 0.5  # seconds


@dataclass(frozen=True)
class Claim:
    """The right to work off a row until its lease ends; `attempts` tells one claim from the next."""

    id: uuid.UUID
    task: str
    args: dict[str, Any]
    attempts: int
    claimed_at: float  # of this process's monotonic clock

    @property
    def send_before(self) -> float:
        """The moment after which a whole send no longer fits into the lease."""
        return self.claimed_at + float(current_app.config["OUTBOX_LEASE"] - current_app.config["MAIL_SEND_DEADLINE"])

    @property
    def task_ends(self) -> float:
        """The moment at which Celery ends the task's process."""
        return self.claimed_at + float(current_app.config["TASK_TIME_LIMIT"])


def register_tasks(celery: Celery) -> None:
    """Make every owed task known to the worker under its name."""
    for name in TASKS:
        celery.task(name=name)(run)


def run(row_id: str) -> None:
    """Work off the row that a broker message names."""
    deliver(uuid.UUID(row_id))


def deliver(row_id: uuid.UUID) -> None:
    """Work off a row, unless it is settled, not due or in other hands: then do nothing."""
    with about_row(row_id):
        claimed = claim(row_id)
        if claimed:
            process(claimed)


def process(claimed: Claim) -> None:
    """Run the task of a claimed row, and write down what became of it."""
    try:
        is_sent = perform(claimed)
    except PermanentMailError as error:
        logger.error("Row %s (%s) has failed for good", claimed.id, claimed.task)
        settle(claimed, failed_at=now_plus(), error=str(error))
    except UnknownMailError as error:
        logger.warning("Row %s (%s): nobody knows whether its mail left", claimed.id, claimed.task)
        settle(claimed, error=str(error))  # tried again, under the same Message-ID, when the lease ends
    except ConfigurationMailError as error:
        logger.error("No mail leaves before somebody mends this: %s", error)
        later = now_plus(current_app.config["OUTBOX_EXPIRE_AFTER"])
        is_young = OutboxRow.created_at > now_plus(-MAX_PATIENCE)
        postpone(claimed, error, expires_at=case((is_young, later), else_=OutboxRow.expires_at))
    except TemporaryMailError as error:
        logger.warning("Row %s (%s): attempt %s failed", claimed.id, claimed.task, claimed.attempts)
        postpone(claimed, error)
    except Exception as error:  # nobody classified it: a fixed release will recover the row
        logger.exception("Row %s (%s): attempt %s broke", claimed.id, claimed.task, claimed.attempts)
        postpone(claimed, error)
    else:
        settle(claimed, "sent" if is_sent else None, done_at=now_plus(), failed_at=None, error=None)


def claim(row_id: uuid.UUID) -> Claim | None:
    """Lease the row if it is claimable and count the attempt; committed before any work begins."""
    claimed_at = time.monotonic()  # before the database's clock is read: this end comes first
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
    """Run the task and send the mail it returns, with no transaction open meanwhile; tell whether there was one."""
    message = TASKS[claimed.task](**claimed.args)
    db.session.remove()
    if message is None:
        logger.info("Row %s (%s): nothing to send", claimed.id, claimed.task)
        return False
    message.msgId = message_id(claimed.id)
    message.send_before = claimed.send_before
    mail.send(message)
    logger.info("Row %s (%s): sent as %s", claimed.id, claimed.task, message.msgId)
    return True


def postpone(claimed: Claim, error: Exception, **values: Any) -> None:
    """Keep the row owed and due again after its back-off."""
    reason = sanitize(f"{type(error).__name__}: {error}")
    settle(claimed, due_at=now_plus(back_off(claimed.attempts)), error=reason, **values)


def settle(claimed: Claim, total: str | None = None, **values: Any) -> None:
    """Write the outcome, and try until the task's time is over: a lost mark may cost a second mail."""
    while True:
        try:
            return mark(claimed, total, **values)
        except (OperationalError, InterfaceError):
            if time.monotonic() > claimed.task_ends:
                raise
            logger.warning("Row %s: the database did not take its mark, trying again", claimed.id)
            time.sleep(RECORD_RETRY)


def mark(claimed: Claim, total: str | None = None, **values: Any) -> None:
    """Write the outcome, unless the lease was lost and the row is somebody else's by now."""
    with transaction():
        is_mine = db.session.scalar(
            update(OutboxRow)
            .where(OutboxRow.id == claimed.id, OutboxRow.attempts == claimed.attempts)
            .values(**values)
            .returning(OutboxRow.id)
        )
        if is_mine is None:
            total = "late_results"
        if total:
            add_to_total(total)
    if is_mine is None:
        logger.error("Late mark: the lease on %s was lost, its mail may go out twice", message_id(claimed.id))


def back_off(attempts: int) -> float:
    """Return the seconds to wait after so many attempts: doubling to an hour, with jitter."""
    first: float = current_app.config["OUTBOX_RETRY_AFTER"]
    return min(first * 2.0 ** min(attempts - 1, 20), MAX_BACK_OFF) * random.uniform(0.8, 1.2)  # noqa: S311  not a secret
