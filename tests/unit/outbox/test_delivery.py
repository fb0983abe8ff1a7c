"""One row's life: claimed, processed, recorded; and which of two workers wins."""

import time
import uuid

import flask_mail
import pytest
from flask import Flask, current_app
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from flaskcelery.database import db, now_plus, transaction
from flaskcelery.mail.errors import ConfigurationMailError, PermanentMailError, TemporaryMailError, UnknownMailError
from flaskcelery.mail.message import Message
from flaskcelery.outbox import delivery
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.tasks import TASKS, task
from flaskcelery.signup.tasks import send_welcome_email
from flaskcelery.users.models import User
from tests.unit.conftest import Failing, change, load

Emails = list[flask_mail.Message]


def seconds_until_due(row_id: uuid.UUID) -> float:
    """Return how far the row's next attempt is away."""
    due, now = db.session.execute(select(OutboxRow.due_at, now_plus()).where(OutboxRow.id == row_id)).one()
    return (due - now).total_seconds()


def test_a_delivered_row_is_done_and_its_email_carries_its_id(pending_row: uuid.UUID, emails: Emails) -> None:
    delivery.deliver(pending_row)
    row = load(pending_row)
    assert (row.attempts, row.failed_at, row.error) == (1, None, None)
    assert row.done_at is not None
    assert [message.msgId for message in emails] == [f"<{pending_row}@example.com>"]


def test_a_row_delivered_ten_times_is_one_email(pending_row: uuid.UUID, emails: Emails) -> None:
    for _ in range(10):
        delivery.run(str(pending_row))
    assert len(emails) == 1


def test_a_claimed_row_is_not_claimed_again_until_its_lease_ends(pending_row: uuid.UUID) -> None:
    assert delivery.claim(pending_row) is not None
    assert delivery.claim(pending_row) is None
    lease = current_app.config["OUTBOX_LEASE"]
    assert lease - 5 < seconds_until_due(pending_row) <= lease
    change(pending_row, due_at=-1.0)
    again = delivery.claim(pending_row)
    assert again is not None
    assert again.attempts == 2


@pytest.mark.parametrize(
    "values",
    [{"done_at": 0.0}, {"failed_at": 0.0}, {"due_at": 60.0}, {"expires_at": -1.0}],
    ids=["done", "failed", "not due", "expired"],
)
def test_no_other_row_can_be_claimed(pending_row: uuid.UUID, values: dict[str, float]) -> None:
    change(pending_row, **values)
    assert delivery.claim(pending_row) is None


def test_an_unknown_row_sends_nothing(emails: Emails) -> None:
    delivery.deliver(uuid.uuid4())
    assert emails == []


def test_a_temporary_failure_keeps_the_row_pending(quiet_app: Flask, failing_task: type[Failing]) -> None:
    row_id = failing_task.enqueue(TemporaryMailError("451 later"))
    delivery.deliver(row_id)
    row = load(row_id)
    assert (row.done_at, row.failed_at, row.error) == (None, None, "TemporaryMailError: 451 later")
    assert 20 < seconds_until_due(row_id) < 40


def test_a_fault_of_the_configuration_keeps_the_row_pending_for_longer(
    quiet_app: Flask, failing_task: type[Failing], caplog: pytest.LogCaptureFixture
) -> None:
    row_id = failing_task.enqueue(ConfigurationMailError("AUTH: 535 the server refused the log-in"))
    change(row_id, expires_at=5.0)
    delivery.deliver(row_id)
    row = load(row_id)
    assert row.failed_at is None
    assert row.expires_at > row.due_at
    assert "Mail is blocked until this is fixed" in caplog.text


def test_even_a_row_that_waits_for_an_operator_ends(quiet_app: Flask, failing_task: type[Failing]) -> None:
    row_id = failing_task.enqueue(ConfigurationMailError("MAIL: 550 5.7.1 blocked"))
    change(row_id, expires_at=5.0, created_at=-8 * 86400.0)
    before = load(row_id).expires_at
    delivery.deliver(row_id)
    assert load(row_id).expires_at == before


def test_an_email_whose_delivery_status_is_unknown_is_kept_until_its_lease_ends(
    quiet_app: Flask, failing_task: type[Failing]
) -> None:
    row_id = failing_task.enqueue(UnknownMailError("DOT: TimeoutError"))
    delivery.deliver(row_id)
    assert load(row_id).error == "DOT: TimeoutError"
    assert seconds_until_due(row_id) > current_app.config["OUTBOX_LEASE"] - 5


def test_a_result_that_the_database_did_not_take_is_recorded_again(
    pending_row: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "RECORD_RETRY", 0)
    answers = iter([OperationalError("", {}, Exception("gone")), OperationalError("", {}, Exception("gone")), None])
    original = delivery._try_record

    def shaky(claimed: delivery.Claim, total: str | None, **values: object) -> None:
        if answer := next(answers):
            raise answer
        original(claimed, total, **values)

    monkeypatch.setattr(delivery, "_try_record", shaky)
    delivery.deliver(pending_row)
    assert load(pending_row).done_at is not None


def test_recording_is_tried_until_the_task_is_over(pending_row: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise OperationalError("", {}, Exception("gone"))

    monkeypatch.setattr(delivery, "_try_record", gone)
    monkeypatch.setitem(current_app.config, "TASK_TIME_LIMIT", -1)
    with pytest.raises(OperationalError):
        delivery.deliver(pending_row)


def test_a_sender_whose_lease_is_nearly_over_is_told_so_before_it_sends(pending_row: uuid.UUID, emails: Emails) -> None:
    before = time.monotonic()
    delivery.deliver(pending_row)
    lease, deadline = current_app.config["OUTBOX_LEASE"], current_app.config["MAIL_SEND_DEADLINE"]
    assert isinstance(emails[0], Message)
    assert before < emails[0].send_before <= time.monotonic() + lease - deadline


def test_an_unexpected_error_keeps_the_row_pending(quiet_app: Flask, failing_task: type[Failing]) -> None:
    row_id = failing_task.enqueue(KeyError("typo"))
    delivery.deliver(row_id)
    assert (load(row_id).failed_at, load(row_id).error) == (None, "KeyError: 'typo'")


def test_a_permanent_failure_ends_the_row_with_its_reason(quiet_app: Flask, failing_task: type[Failing]) -> None:
    row_id = failing_task.enqueue(PermanentMailError("550 no such user"))
    delivery.deliver(row_id)
    assert load(row_id).failed_at is not None
    assert (load(row_id).done_at, load(row_id).error) == (None, "550 no such user")


def test_a_task_that_has_done_its_work_itself_is_done(quiet_app: Flask, failing_task: type[Failing]) -> None:
    row_id = failing_task.enqueue(None)
    delivery.deliver(row_id)
    assert load(row_id).done_at is not None


def test_the_email_of_a_user_who_is_gone_is_done_without_an_email(pending_row: uuid.UUID, emails: Emails) -> None:
    with transaction():
        db.session.delete(db.session.scalars(select(User)).one())
    delivery.deliver(pending_row)
    assert load(pending_row).done_at is not None
    assert emails == []


def test_a_worker_that_lost_its_lease_cannot_overwrite_its_successor(
    pending_row: uuid.UUID, caplog: pytest.LogCaptureFixture
) -> None:
    slow = delivery.claim(pending_row)
    change(pending_row, due_at=-1.0)
    successor = delivery.claim(pending_row)
    assert slow is not None
    assert successor is not None
    delivery.fail(slow, "late")
    assert load(pending_row).failed_at is None
    assert f"<{pending_row}@example.com>" in caplog.text
    delivery.finish(successor, is_sent=True)
    assert load(pending_row).done_at is not None


def test_attempts_wait_longer_and_longer_but_never_much_more_than_an_hour(quiet_app: Flask) -> None:
    waits = [delivery.back_off(attempts) for attempts in range(1, 200)]
    assert 24 <= waits[0] <= 36
    assert 3600 * 0.8 <= min(waits[8:]) <= max(waits) <= 3600 * 1.2


def test_the_lease_grows_with_the_attempts_so_that_a_poison_row_slows_itself_down(pending_row: uuid.UUID) -> None:
    change(pending_row, attempts=9)
    assert delivery.claim(pending_row) is not None
    assert seconds_until_due(pending_row) > 2800


def test_no_transaction_is_open_while_an_email_leaves(pending_row: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(delivery.mail, "send", lambda _: seen.append(db.session().in_transaction()))
    delivery.deliver(pending_row)
    assert seen == [False]


def test_an_email_that_was_sent_is_done_although_its_row_expired_meanwhile(pending_row: uuid.UUID) -> None:
    claimed = delivery.claim(pending_row)
    assert claimed is not None
    change(pending_row, failed_at=0.0)
    delivery.finish(claimed, is_sent=True)
    assert (load(pending_row).failed_at, load(pending_row).done_at is not None) == (None, True)


def test_a_task_called_directly_returns_its_message_unsent(pending_row: uuid.UUID, emails: Emails) -> None:
    message = send_welcome_email(user_id=load(pending_row).user_id)
    assert message is not None
    assert message.subject == "Welcome alice!"
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
