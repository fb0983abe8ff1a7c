"""Rows for later, and rows that exist once."""

import uuid
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from flaskcelery.database import db, now_plus, transaction
from flaskcelery.outbox import delivery
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.queries import find_oldest_pending
from flaskcelery.outbox.relay import take_overdue
from flaskcelery.outbox.tasks import TASKS
from flaskcelery.signup.tasks import send_welcome_email
from flaskcelery.users.emails import send_goodbye_email
from flaskcelery.users.models import User
from tests.unit.conftest import Failing, change, load, seconds_until_due

DAY = timedelta(days=1)


@pytest.fixture
def published(quiet_app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    """Return the rows that were published."""
    rows: list[uuid.UUID] = []
    monkeypatch.setattr(quiet_app.extensions["publisher"], "try_publish", lambda _task, row_id: rows.append(row_id))
    return rows


def enqueue_later(**options: float) -> uuid.UUID:
    with transaction():
        return send_welcome_email.enqueue(user_id=1, after=DAY, **options).id


def count_rows() -> int:
    return len(db.session.scalars(select(OutboxRow.id)).all())


def test_a_row_for_later_is_not_processed_before(published: list[uuid.UUID]) -> None:
    row_id = enqueue_later()
    assert published == []
    assert 86390 < seconds_until_due(row_id) <= 86400
    assert not delivery.deliver(row_id)
    assert take_overdue(0, 10) == []
    change(row_id, due_at=-1.0)
    assert delivery.deliver(row_id)


def test_a_row_for_later_expires_as_long_after_it_is_due_as_any_other(published: list[uuid.UUID]) -> None:
    rows = [load(enqueue_later()), load(enqueue_later(expires_after=60))]
    assert [round((row.expires_at - row.due_at).total_seconds()) for row in rows] == [86400, 60]


def test_nobody_waits_for_a_row_before_it_is_due(published: list[uuid.UUID]) -> None:
    row_id = enqueue_later()
    assert find_oldest_pending() is None
    change(row_id, created_at=-10.0, due_at=-10.0)
    age = find_oldest_pending()
    assert age is not None
    assert 10 <= age.total_seconds() < 20
    [row] = take_overdue(5, 10)
    assert not row.is_stale  # the relay leaves it to the workers, although it was enqueued a day ago


def test_a_row_for_later_goes_with_a_closed_account_and_the_log_says_so(
    quiet_app: Flask, pending_row: uuid.UUID, caplog: pytest.LogCaptureFixture
) -> None:
    from flaskcelery.users.deletion import erase_closed

    user_id = load(pending_row).user_id
    with transaction():
        db.session.execute(update(User).values(closed_at=now_plus()))
        later = send_goodbye_email.enqueue(user_id=user_id, after=DAY).id
    with transaction():
        assert erase_closed() == []
    change(pending_row, done_at=0.0)
    with transaction():
        assert erase_closed() == [user_id]
    assert db.session.get(OutboxRow, later) is None
    assert caplog.messages.count(f"Row {later} (send_goodbye_email), which was for later, goes with the account") == 1
    assert str(pending_row) not in caplog.text


def test_a_key_has_one_row_and_a_second_call_is_harmless(published: list[uuid.UUID]) -> None:
    with transaction():
        first = send_welcome_email.enqueue(user_id=1, once="digest-48")
        again = send_welcome_email.enqueue(user_id=1, once="digest-48")
    with transaction():
        other = send_welcome_email.enqueue(user_id=1, once="digest-49")
        later = send_welcome_email.enqueue(user_id=1, once="digest-48")
    assert first.id == again.id == later.id != other.id
    assert published == [first.id, other.id]
    assert count_rows() == 2


def test_another_task_and_a_row_without_a_key_are_rows_of_their_own(published: list[uuid.UUID]) -> None:
    with transaction():
        send_welcome_email.enqueue(user_id=1, once="2026")
        send_goodbye_email.enqueue(user_id=1, once="2026")
        send_welcome_email.enqueue(user_id=1)
        send_welcome_email.enqueue(user_id=1)
    assert count_rows() == 4


def test_a_rolled_back_key_can_be_used_again(published: list[uuid.UUID]) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        send_welcome_email.enqueue(user_id=1, once="2026")
        raise ZeroDivisionError
    with transaction():
        row = send_welcome_email.enqueue(user_id=1, once="2026")
    assert published == [row.id]


def test_a_key_stays_used_when_its_row_is_done_and_the_log_says_so(
    quiet_app: Flask, failing_task: type[Failing], caplog: pytest.LogCaptureFixture
) -> None:
    failing_task.error = None
    with transaction():
        row = TASKS["failing"].enqueue(once="2026")
    delivery.deliver(row.id)
    with transaction():
        assert TASKS["failing"].enqueue(once="2026").done_at is not None
    assert f"Not enqueued: row {row.id} (failing) has the key '2026' already" in caplog.text
    assert count_rows() == 1
