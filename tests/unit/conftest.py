"""Fixtures of the outbox's tests: an application whose emails are recorded, inside its context."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import flask_mail
import pytest
from flask import Flask
from sqlalchemy import select, update

from flaskcelery.database import db, now_plus, transaction
from flaskcelery.extensions import mail
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.tasks import TASKS, OutboxTask
from flaskcelery.signup.operations import register


@pytest.fixture
def quiet_app(app: Flask) -> Iterator[Flask]:
    """Return the application in a context, with emails recorded instead of sent."""
    app.extensions["mail"].suppress = True
    with app.app_context():
        yield app


@pytest.fixture
def emails(quiet_app: Flask) -> Iterator[list[flask_mail.Message]]:
    """Return the emails that have left."""
    with mail.record_messages() as sent:
        yield sent


@pytest.fixture
def pending_row(quiet_app: Flask) -> uuid.UUID:
    """Return the row of a fresh sign-up, whose message was lost with the broker's files."""
    register("alice", "alice@example.com", "correct horse")
    return db.session.scalars(select(OutboxRow.id)).one()


@pytest.fixture
def failing_task() -> Iterator[type[Failing]]:
    """Return a task whose body raises what the test tells it to."""
    TASKS["failing"] = OutboxTask("failing", Failing.body)
    yield Failing
    del TASKS["failing"]


class Failing:
    """The body of the failing task and what it raises."""

    error: Exception | None = None

    @classmethod
    def body(cls) -> None:
        """Raise the error of the day."""
        if cls.error:
            raise cls.error

    @classmethod
    def enqueue(cls, error: Exception | None) -> uuid.UUID:
        """Enqueue the task and return the row's id."""
        cls.error = error
        with transaction():
            row = TASKS["failing"].enqueue()
        return row.id


def load(row_id: uuid.UUID) -> OutboxRow:
    """Return the row as the database has it now."""
    db.session.rollback()
    return db.session.get_one(OutboxRow, row_id)


def change(row_id: uuid.UUID, **values: Any) -> None:
    """Write into the row; a number is so many seconds from now."""
    moments = {name: now_plus(value) if isinstance(value, float) else value for name, value in values.items()}
    with transaction():
        db.session.execute(update(OutboxRow).where(OutboxRow.id == row_id).values(**moments))


def seconds_until_due(row_id: uuid.UUID) -> float:
    """Return how far the row's next attempt is away."""
    due, now = db.session.execute(select(OutboxRow.due_at, now_plus()).where(OutboxRow.id == row_id)).one()
    return (due - now).total_seconds()
