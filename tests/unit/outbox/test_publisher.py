"""Publishing: after the commit, only what was committed, and never at a visitor's expense."""

import time
import uuid

import pytest
from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.database import TransactionError, db, transaction
from flaskcelery.signup.tasks import send_welcome_email


@pytest.fixture
def published(quiet_app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    """Return the rows that were published."""
    rows: list[uuid.UUID] = []
    monkeypatch.setattr(quiet_app.extensions["publisher"], "try_publish", lambda _task, row_id: rows.append(row_id))
    return rows


def test_a_row_is_published_after_its_commit_and_once(published: list[uuid.UUID]) -> None:
    with transaction():
        row = send_welcome_email.enqueue(user_id=1)
        db.session.flush()
        assert published == []
    with transaction():
        pass
    assert published == [row.id]


def test_a_rolled_back_row_is_never_published(published: list[uuid.UUID]) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        send_welcome_email.enqueue(user_id=1)
        raise ZeroDivisionError
    with transaction():
        pass
    assert published == []


def test_a_savepoint_neither_publishes_early_nor_forgets_a_row(published: list[uuid.UUID]) -> None:
    with transaction():
        row = send_welcome_email.enqueue(user_id=1)
        with db.session.begin_nested():
            pass
        assert published == []
        with pytest.raises(ZeroDivisionError), db.session.begin_nested():
            raise ZeroDivisionError
    assert published == [row.id]


def test_a_row_that_nothing_would_commit_cannot_be_enqueued(published: list[uuid.UUID]) -> None:
    with pytest.raises(TransactionError, match=r"Call send_welcome_email\.enqueue\(\) inside transaction\(\)"):
        send_welcome_email.enqueue(user_id=1)
    with transaction():
        pass
    with pytest.raises(TransactionError):
        send_welcome_email.enqueue(user_id=1)
    db.session.commit()
    assert published == []


def test_a_broker_that_refuses_costs_little_and_then_nothing(environ: dict[str, str]) -> None:
    app = create_app({**environ, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"})
    publisher = app.extensions["publisher"]
    with app.app_context():
        started = time.monotonic()
        publisher.try_publish("send_welcome_email", uuid.uuid4())
        first = time.monotonic() - started
        started = time.monotonic()
        publisher.try_publish("send_welcome_email", uuid.uuid4())
        second = time.monotonic() - started
    assert first < 0.5
    assert second < 0.01


def test_the_breaker_closes_again(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaskcelery.outbox.publisher.BREAKER_SECONDS", 0)
    publisher = create_app({**environ, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}).extensions["publisher"]
    tried = []
    monkeypatch.setattr(publisher, "publish", lambda *message: tried.append(message))
    publisher.try_publish("t", uuid.uuid4())
    publisher.try_publish("t", uuid.uuid4())
    assert len(tried) == 2
