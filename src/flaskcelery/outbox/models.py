"""The outbox's tables."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, Select, SmallInteger, String, Text, and_, false, select, text
from sqlalchemy.orm import Mapped, mapped_column

from flaskcelery.database import Base, database_now, now_plus

PENDING = "done_at IS NULL AND failed_at IS NULL"


def _partial_index(name: str, *columns: str, where: str = PENDING, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


class OutboxRow(Base):
    """A pending task. Its times are its state: there is no status column that could contradict them.

    `id` is also the Celery task's id and the local part of the email's Message-ID. `due_at` is also the lease:
    claiming moves it into the future, so nothing has to clean up after a killed worker. `attempts` only grows.
    A row for later counts as created when it is first due: until then, nobody waits for it.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        _partial_index("ix_outbox_pending", "due_at"),
        _partial_index("ix_outbox_pending_expires_at", "expires_at"),
        # finds the oldest pending row at once, however many there are
        _partial_index("ix_outbox_pending_created_at", "created_at"),
        _partial_index("ix_outbox_pending_domain", "domain"),
        _partial_index("ix_outbox_failed_at", "failed_at", where="failed_at IS NOT NULL"),
        _partial_index("ix_outbox_once", "task", "once", where="once IS NOT NULL", unique=True),
        Index("ix_outbox_done_at", "done_at"),
        Index("ix_outbox_created_at", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(String(100))
    args: Mapped[dict[str, Any]] = mapped_column(JSON)
    once: Mapped[str | None] = mapped_column(String(100))  # a key that no other row of the task has
    user_id: Mapped[int | None] = mapped_column(index=True)
    domain: Mapped[str] = mapped_column(String(254), default="", server_default="")  # of the recipient, see slots.py
    created_at: Mapped[datetime] = mapped_column(default=now_plus())
    due_at: Mapped[datetime] = mapped_column(default=now_plus())
    expires_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    traceparent: Mapped[str | None] = mapped_column(String(55))  # the span that enqueued the row
    progress: Mapped[int | None] = mapped_column(SmallInteger)  # percent, while a process works on the row
    sent_nothing: Mapped[bool] = mapped_column(default=False, server_default=false())  # done without an email

    @classmethod
    def of(cls, user_id: int) -> Select["OutboxRow"]:
        """Return the query for a user's rows, newest first."""
        return select(cls).where(cls.user_id == user_id).order_by(cls.created_at.desc())

    @property
    def state(self) -> str:
        """Return pending, running, done or failed. While a row is running, `progress` is a percentage."""
        if self.done_at or self.failed_at:
            return "done" if self.done_at else "failed"
        is_running = self.progress is not None and self.due_at > database_now()  # as is_running() says in SQL
        return "running" if is_running else "pending"


class OutboxSchedule(Base):
    """A recurring task: its slots until `checked_at` are enqueued, in the transaction that wrote this time."""

    __tablename__ = "outbox_schedule"

    task: Mapped[str] = mapped_column(String(100), primary_key=True)
    checked_at: Mapped[datetime]


class OutboxTotal(Base):
    """How often something has happened to rows, deleted ones too, in parts: workers need not wait for each other."""

    __tablename__ = "outbox_totals"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    part: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    total: Mapped[int] = mapped_column(default=0)


def is_pending() -> ColumnElement[bool]:
    """Select rows that are neither done nor failed."""
    return and_(OutboxRow.done_at.is_(None), OutboxRow.failed_at.is_(None))


def is_waiting() -> ColumnElement[bool]:
    """Select pending rows that have been due: not those for later."""
    return and_(is_pending(), OutboxRow.created_at <= now_plus())


def is_running() -> ColumnElement[bool]:
    """Select the rows that a process works on. A killed one leaves its progress behind, but its lease ends."""
    return and_(is_pending(), OutboxRow.progress.is_not(None), OutboxRow.due_at > now_plus())


def is_claimable() -> ColumnElement[bool]:
    """Select pending rows that are due and not expired: the one condition of first send, retry and crash recovery."""
    return and_(is_pending(), OutboxRow.due_at <= now_plus(), OutboxRow.expires_at > now_plus())
