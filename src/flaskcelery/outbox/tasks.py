"""Outbox tasks: `@task(name)` makes a function a Celery task of an outbox row, and lets it report its progress."""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NoReturn

from flask import current_app
from sqlalchemy import ColumnElement, false, insert, select, update
from sqlalchemy.exc import IntegrityError

from flaskcelery.config.derived import JOBS_QUEUE, OUTBOX_QUEUE, QUEUES
from flaskcelery.database import database_now, db, now_plus, require_transaction, transaction, write
from flaskcelery.logs import about_row
from flaskcelery.mail.message import Message
from flaskcelery.outbox import publisher
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.slots import slot_domain
from flaskcelery.tracing import current_traceparent
from flaskcelery.web.requests import request_id

logger = logging.getLogger(__name__)

# Built once, because each email needs it.
ADD_ROW = insert(OutboxRow).values(created_at=now_plus("due"), due_at=now_plus("due"), expires_at=now_plus("end"))

Body = Callable[..., Message | None]
Sample = Callable[[], dict[str, Any]]  # adds rows that are never committed, and returns a task's arguments


@dataclass(eq=False)
class OutboxTask:
    """A task's name and body. Calling it runs the body; `enqueue` makes a worker run it after the commit."""

    name: str
    body: Body
    title: str = ""  # what people see in lists; the default is the name
    queue: str = OUTBOX_QUEUE  # "urgent" is for emails that wait for no others, "jobs" for work that takes long
    time_limit: float | None = None  # seconds after which a job is killed; the default is the limit of emails
    samples: Sequence[Sample] = ()  # each makes an email that `/dev/emails/` shows

    def __post_init__(self) -> None:
        self.title, self.__doc__ = self.title or self.name, self.body.__doc__
        if self.queue not in QUEUES:
            raise ValueError(f"{self.name}: the queues are {', '.join(QUEUES)}")
        if self.time_limit and self.queue != JOBS_QUEUE:
            raise ValueError(f"{self.name}: only the queue {JOBS_QUEUE} has time limits, emails have MAIL_TIMEOUT")

    def __call__(self, **args: Any) -> Message | None:
        """Run the body at once; return its message, unsent."""
        return self.body(**args)

    def enqueue(
        self,
        *,
        to: str = "",
        after: timedelta = timedelta(),
        once: str | None = None,
        expires_after: float | None = None,
        **args: Any,
    ) -> OutboxRow:
        """Add the row that will run this task to the open transaction, or raise TransactionError if there is none.

        The arguments are ids only. `user_id` says whose row it is: it is deleted with the account. The row keeps
        only the domain of `to`, the recipient. The task runs `after` some time, and fails unless it is done within
        `expires_after` seconds from then. If this task already has a row with the key `once`, that row is returned, and
        nothing is added.
        """
        require_transaction(f"Call {self.name}.enqueue() inside transaction(): outside, nothing commits its row.")
        if to and "user_id" not in args:
            raise TypeError(f"{self.name}.enqueue() needs user_id=: whose email this is, or None")
        values = {"id": uuid.uuid4(), "task": self.name, "args": args, "once": once, "user_id": args.get("user_id")}
        values |= {"domain": slot_domain(to), "traceparent": current_traceparent()}
        due, lifetime = after.total_seconds(), expires_after or current_app.config["OUTBOX_EXPIRE_AFTER"]
        insert_row = partial(write, ADD_ROW, **values, due=due, end=due + lifetime)
        if once is None:
            insert_row()
        elif not try_insert(insert_row):
            found = db.session.scalars(select(OutboxRow).filter_by(task=self.name, once=once)).one()
            logger.info("Not enqueued: row %s (%s) has the key %r already", found.id, self.name, once)
            return found
        row = OutboxRow(**values)
        if not after:  # the relay publishes what is due later
            publisher.publish_after_commit(self.name, row.id)
        with about_row(row.id):
            user = f" for user {row.user_id}" if row.user_id else ""
            request = f", request {request_id()}" if request_id() else ""
            logger.info("Enqueued: row %s (%s)%s%s", row.id, self.name, user, request)
        return row

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(f"A published task can be lost: call {self.name}.enqueue(...) inside transaction().")

    delay = apply_async = apply = s = si = signature = _refuse


def try_insert(insert: Callable[[], object]) -> bool:
    """Call `insert`; if a unique index refuses its row, go on with the transaction and return False."""
    try:
        with db.session.begin_nested():
            db.session.connection()  # begins the savepoint, which the session leaves to its first statement
            insert()
    except IntegrityError:
        return False
    return True


TASKS: dict[str, OutboxTask] = {}


def title_of(name: str) -> str:
    """Return a task's title, or its name if this release no longer has the task."""
    return TASKS[name].title if name in TASKS else name


def in_queue(queue: str) -> ColumnElement[bool]:
    """Select the rows of this queue's tasks."""
    names = [task.name for task in TASKS.values() if task.queue == queue]
    return OutboxRow.task.in_(names) if names else false()


def find_time_limit(name: str) -> float:
    """Return the seconds after which Celery kills the process that runs the task."""
    default: float = current_app.config["TASK_TIME_LIMIT"]
    return (TASKS[name].time_limit if name in TASKS else None) or default


def find_lease(name: str) -> float:
    """Return the seconds for which a claim reserves a row of this task: longer than its limit."""
    margin: float = current_app.config["OUTBOX_LEASE"] - current_app.config["TASK_TIME_LIMIT"]
    return find_time_limit(name) + margin


def task(name: str, title: str = "", **options: Any) -> Callable[[Body], OutboxTask]:
    """Register a function that returns the email to send, or None; the options are the fields of OutboxTask."""

    def register(body: Body) -> OutboxTask:
        if name in TASKS:
            raise ValueError(f"two tasks are named {name}")
        TASKS[name] = OutboxTask(name, body, title, **options)
        return TASKS[name]

    return register


@dataclass
class _Attempt:
    row_id: uuid.UUID
    attempts: int
    percent: int = 0


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


@contextmanager
def reporting(row_id: uuid.UUID, attempts: int) -> Iterator[None]:
    """Let `report_progress()` within the block be about this attempt of the row."""
    token = _attempt.set(_Attempt(row_id, attempts))
    try:
        yield
    finally:
        _attempt.reset(token)


def report_progress(done: int, total: int = 100) -> None:
    """Save what percentage of the running job is done, if it has changed. Called outside a job, do nothing.

    It is a transaction of its own, so call it outside of others.
    """
    attempt, percent = _attempt.get(), 100 * done // max(total, 1)
    if attempt and percent != attempt.percent:
        attempt.percent = percent
        with transaction():
            mine = update(OutboxRow).where(OutboxRow.id == attempt.row_id, OutboxRow.attempts == attempt.attempts)
            db.session.execute(mine.where(OutboxRow.progress.is_not(None)).values(progress=percent))


def enqueued_at() -> datetime:
    """Return when the running task was enqueued, which is the same in each of its attempts; outside of one, now."""
    attempt = _attempt.get()
    mine = attempt and db.session.scalar(select(OutboxRow.created_at).filter_by(id=attempt.row_id))
    return mine or database_now()
