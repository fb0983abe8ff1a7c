"""Processing one row: claim it, run its task, send the email, record the result."""

import logging
import os
import random
import time
import uuid
from dataclasses import dataclass
from typing import Any

from celery import Celery
from flask import current_app
from sqlalchemy import Update
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from flaskcelery.config.derived import JOBS_QUEUE
from flaskcelery.database import forget, pause, transaction, write
from flaskcelery.errors import TaskFailed
from flaskcelery.extensions import mail
from flaskcelery.logs import about_row, mask_all
from flaskcelery.mail.errors import ConfigurationMailError, TemporaryMailError, UnknownMailError, sanitize
from flaskcelery.mail.message import message_id
from flaskcelery.outbox import statements
from flaskcelery.outbox.slots import domain_slot, publish_waiting
from flaskcelery.outbox.tasks import TASKS, find_lease, find_time_limit, reporting
from flaskcelery.tracing import span

logger = logging.getLogger(__name__)

MAX_BACK_OFF, RECORD_RETRY = 3600, 0.5  # seconds


@dataclass(frozen=True)
class Claim:
    """The right to process a row until its lease ends; `attempts` tells one claim from the next."""

    id: uuid.UUID
    task: str
    args: dict[str, Any]
    attempts: int
    traceparent: str | None
    claimed_at: float  # of this process's monotonic clock

    def __str__(self) -> str:
        return f"Row {self.id} ({self.task})"

    @property
    def send_before(self) -> float:
        """The time after which a whole send no longer fits into the lease."""
        return self.claimed_at + find_lease(self.task) - float(current_app.config["MAIL_SEND_DEADLINE"])

    @property
    def task_ends(self) -> float:
        """The time at which Celery kills the process that runs the task."""
        return self.claimed_at + find_time_limit(self.task)


def register_tasks(celery: Celery) -> None:
    limits = {name: {"time_limit": task.time_limit} for name, task in TASKS.items() if task.time_limit}
    celery.conf.task_annotations = limits  # before the tasks, which read it once
    celery.conf.task_routes = {name: {"queue": task.queue} for name, task in TASKS.items()}
    for name in TASKS:
        celery.task(name=name)(run)


def run(row_id: str) -> None:
    """Process the row that a broker message names, and publish the next one that has waited for it."""
    if deliver(uuid.UUID(row_id)):
        publish_waiting(uuid.UUID(row_id))


def deliver(row_id: uuid.UUID) -> bool:
    """Process the row if it is pending, due and unclaimed, and its domain has a slot free; return whether it was."""
    with about_row(row_id), domain_slot(row_id) as is_free:
        claimed = claim(row_id) if is_free else None
        if claimed:
            process(claimed)
    return claimed is not None


def process(claimed: Claim) -> None:
    """Run the task of a claimed row and record the result."""
    try:
        with span(claimed.task, "CONSUMER", claimed.traceparent):
            is_sent = perform(claimed)
    except TaskFailed as error:
        logger.error("%s failed permanently", claimed)
        fail(claimed, sanitize(str(error)))
    except UnknownMailError as error:
        logger.warning("%s: delivery status unknown", claimed)
        keep_lease(claimed, str(error))
    except ConfigurationMailError as error:
        logger.error("Mail is blocked until this is fixed: %s", mask_all(str(error)))
        postpone_and_extend(claimed, describe(error))
    except TemporaryMailError as error:
        logger.warning("%s: attempt %s failed", claimed, claimed.attempts)
        postpone(claimed, describe(error))
    except Exception as error:  # a bug of ours: the row stays pending, and a fixed release sends it
        logger.exception("%s: attempt %s raised an unexpected error", claimed, claimed.attempts)
        postpone(claimed, describe(error))
    else:
        finish(claimed, is_sent=is_sent)


def claim(row_id: uuid.UUID) -> Claim | None:
    """Lease the row if it is claimable and count the attempt; committed before any work begins."""
    claimed_at = time.monotonic()  # before the database's clock is read, so that this process's limits end first
    lease = current_app.config["OUTBOX_LEASE"]
    found = statements.execute_alone(statements.CLAIM, row_id=row_id, seconds=lease)
    if found is None:
        return None
    claimed = Claim(row_id, found.task, found.args, found.attempts, found.traceparent, claimed_at)
    is_retry, longer = claimed.attempts > 1, find_lease(claimed.task)
    if is_retry or longer > lease:  # a job has a longer one
        seconds = max(longer, back_off(claimed.attempts) if is_retry else 0)
        is_mine = _record(claimed, statements.LENGTHEN_LEASE, "retried" if is_retry else None, seconds=seconds)
        return claimed if is_mine else None
    return claimed


def perform(claimed: Claim) -> bool:
    """Run the task and send the email it returns, outside any transaction; return whether there was one."""
    try:
        with reporting(claimed.id, claimed.attempts):
            message = TASKS[claimed.task](**claimed.args)
        pause()  # raises if the task made changes that nothing commits
    finally:
        forget()
    if message is None:
        is_job = TASKS[claimed.task].queue == JOBS_QUEUE
        logger.info("%s: %s", claimed, "done" if is_job else "nothing to send")
        return False
    message.msgId = message_id(claimed.id)
    message.send_before = claimed.send_before
    with span("send email", "CLIENT"):
        mail.send(message)
    logger.info("%s: sent as %s by process %s", claimed, message.msgId, os.getpid())
    return True


def finish(claimed: Claim, *, is_sent: bool) -> None:
    """Record that the row is done, even if it expired while its email was being sent."""
    _record(claimed, statements.FINISH, "sent" if is_sent else None, is_empty=not is_sent)


def fail(claimed: Claim, reason: str) -> None:
    """Record that the row has failed and is not tried again."""
    _record(claimed, statements.FAIL, reason=reason)


def keep_lease(claimed: Claim, reason: str) -> None:
    """Record the reason only: the row is tried again, under the same Message-ID, when its lease ends."""
    _record(claimed, statements.KEEP_LEASE, reason=reason)


def postpone(claimed: Claim, reason: str) -> None:
    """Keep the row pending, due after its back-off."""
    _record(claimed, statements.POSTPONE, seconds=back_off(claimed.attempts), reason=reason)


def postpone_and_extend(claimed: Claim, reason: str) -> None:
    """Postpone the row and move its expiry, for MAX_PATIENCE at most."""
    seconds, patience = back_off(claimed.attempts), current_app.config["OUTBOX_EXPIRE_AFTER"]
    _record(claimed, statements.POSTPONE_AND_EXTEND, seconds=seconds, reason=reason, patience=patience)


def _record(claimed: Claim, result: Update, total: str | None = None, **values: Any) -> bool:
    """Return whether the claim still held."""
    # A lost result can cost a duplicate email, so this tries again until Celery would kill the task.
    while True:
        try:
            return _try_record(claimed, result, total, **values)
        except (OperationalError, InterfaceError, InternalError):  # the last one: a standby that is still read-only
            if time.monotonic() > claimed.task_ends:
                raise
            logger.warning("%s: the database did not take its result, trying again", claimed)
            time.sleep(RECORD_RETRY)


def _try_record(claimed: Claim, result: Update, total: str | None, **values: Any) -> bool:
    with transaction():
        is_mine = write(result, row_id=claimed.id, attempt=claimed.attempts, **values).one_or_none()
        if is_mine is None:  # the lease ended, and another process has claimed the row since
            total = "late_results"
        if total:
            write(statements.ADD_TO_TOTAL, **statements.count(total))
    if is_mine is None:
        logger.error("Late result: the lease ended early, %s can be sent twice", message_id(claimed.id))
    return is_mine is not None


def describe(error: Exception) -> str:
    return sanitize(f"{type(error).__name__}: {error}")


def back_off(attempts: int) -> float:
    """Return the seconds to wait after so many attempts: doubling to an hour, with jitter."""
    first: float = current_app.config["OUTBOX_RETRY_AFTER"]
    return min(first * 2.0 ** min(attempts - 1, 20), MAX_BACK_OFF) * random.uniform(0.8, 1.2)  # noqa: S311  not a secret
