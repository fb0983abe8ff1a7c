"""Outbox tasks: `@task(name)` turns a function into a Celery task that an outbox row calls."""

import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NoReturn

from flask import current_app
from sqlalchemy import select

from flaskcelery.config.derived import OUTBOX_QUEUE
from flaskcelery.database import db, now_plus, require_transaction, try_insert
from flaskcelery.logs import about_row
from flaskcelery.mail.message import Message
from flaskcelery.outbox import publisher
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.slots import slot_domain
from flaskcelery.web.requests import request_id

logger = logging.getLogger(__name__)

Body = Callable[..., Message | None]
Sample = Callable[[], dict[str, Any]]  # adds rows that are never committed, and returns a task's arguments


class OutboxTask:
    """A task's name and body. Calling it runs the body; `enqueue` makes a worker run it after the commit."""

    def __init__(
        self, name: str, body: Body, title: str = "", queue: str = OUTBOX_QUEUE, samples: Sequence[Sample] = ()
    ) -> None:
        self.name, self.body, self.__doc__ = name, body, body.__doc__
        self.title, self.queue, self.samples = title or name, queue, samples

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

        The arguments are ids only; of `to`, the recipient, the row keeps the domain. The task runs `after` some time,
        and fails unless it is done within `expires_after` seconds from then. If this task already has a row with the
        key `once`, that row is returned, and nothing is added.
        """
        require_transaction(f"{self.name}.enqueue()")
        row = OutboxRow(id=uuid.uuid4(), task=self.name, args=args, once=once, user_id=args.get("user_id"))
        row.domain = slot_domain(to)
        row.created_at = row.due_at = now_plus(after.total_seconds())
        row.expires_at = now_plus(after.total_seconds() + (expires_after or current_app.config["OUTBOX_EXPIRE_AFTER"]))
        if once is not None and not try_insert(row):
            existing = select(OutboxRow).filter_by(task=self.name, once=once)
            return db.session.scalars(existing, execution_options={"populate_existing": True}).one()
        db.session.add(row)
        if not after:  # the relay publishes what is due later
            publisher.publish_after_commit(self.name, row.id)
        with about_row(row.id):
            request = request_id() or "none"
            logger.info("Enqueued: row %s (%s) for user %s, request %s", row.id, self.name, row.user_id, request)
        return row

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(f"A published task can be lost: call {self.name}.enqueue(...) inside transaction().")

    delay = apply_async = apply = s = si = signature = _refuse


TASKS: dict[str, OutboxTask] = {}


def title_of(name: str) -> str:
    """Return a task's title, or its name if this release no longer has the task."""
    return TASKS[name].title if name in TASKS else name


def task(
    name: str, title: str = "", queue: str = OUTBOX_QUEUE, samples: Sequence[Sample] = ()
) -> Callable[[Body], OutboxTask]:
    """Register a function that returns the email to send, or None. People see the title in lists of emails.

    Emails in the queue "urgent" wait for no others. `/dev/emails/` shows the email for each of the samples.
    """

    def register(body: Body) -> OutboxTask:
        if name in TASKS:
            raise ValueError(f"two tasks are named {name}")
        TASKS[name] = OutboxTask(name, body, title, queue, samples)
        return TASKS[name]

    return register
