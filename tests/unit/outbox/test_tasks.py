"""Tasks: each has a name of its own, and only the outbox publishes it."""

import uuid

import flask_mail
import pytest
from flask import Flask
from sqlalchemy import func, select

from flaskcelery.database import db, transaction
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.tasks import TASKS, task
from flaskcelery.signup.tasks import send_welcome_email
from tests.unit.conftest import load

Emails = list[flask_mail.Message]


def test_a_task_called_directly_returns_its_message_unsent(pending_row: uuid.UUID, emails: Emails) -> None:
    message = send_welcome_email(user_id=load(pending_row).user_id)
    assert message is not None
    assert "alice" in message.subject
    assert emails == []


@pytest.mark.parametrize("name", ["delay", "apply_async", "apply", "s", "si", "signature"])
def test_a_task_cannot_be_published_past_the_outbox(name: str) -> None:
    with pytest.raises(TypeError, match=r"call send_welcome_email\.enqueue"):
        getattr(send_welcome_email, name)(user_id=1)


def test_two_tasks_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="two tasks are named"):
        task("send_welcome_email")(lambda: None)
    assert TASKS["send_welcome_email"] is send_welcome_email


def test_the_worker_knows_every_task_by_its_name(app: Flask) -> None:
    assert set(TASKS) <= set(app.extensions["celery"].tasks)


def test_a_rolled_back_sign_up_enqueues_nothing(quiet_app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        send_welcome_email.enqueue(user_id=1)
        db.session.flush()
        raise ZeroDivisionError
    assert db.session.scalar(select(func.count()).select_from(OutboxRow)) == 0


def test_an_email_says_whose_it_is(app: Flask) -> None:
    with app.app_context(), transaction(), pytest.raises(TypeError, match="needs user_id="):
        TASKS["send_welcome_email"].enqueue(to="alice@example.com")
