"""A row is processed and its result recorded."""

import time
import uuid
from typing import Any

import flask_mail
import pytest
from flask import Flask, current_app
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from flaskcelery.database import db, transaction
from flaskcelery.mail.errors import ConfigurationMailError, PermanentMailError, TemporaryMailError, UnknownMailError
from flaskcelery.mail.message import Message
from flaskcelery.outbox import delivery
from flaskcelery.users.models import User
from tests.unit.conftest import Failing, change, load, seconds_until_due

Emails = list[flask_mail.Message]


def test_a_delivered_row_is_done_and_its_email_carries_its_id(pending_row: uuid.UUID, emails: Emails) -> None:
    delivery.deliver(pending_row)
    row = load(pending_row)
    assert (row.attempts, row.failed_at, row.error, row.sent_nothing) == (1, None, None, False)
    assert row.done_at is not None
    assert [message.msgId for message in emails] == [f"<{pending_row}@example.com>"]


def test_a_row_delivered_ten_times_is_one_email(pending_row: uuid.UUID, emails: Emails) -> None:
    for _ in range(10):
        delivery.run(str(pending_row))
    assert len(emails) == 1


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
    row_id = failing_task.enqueue(ConfigurationMailError("RCPT: 550 5.7.1 <alice@example.com> refused"))
    change(row_id, expires_at=5.0)
    delivery.deliver(row_id)
    row = load(row_id)
    assert row.failed_at is None
    assert row.expires_at > row.due_at
    assert "Mail is blocked until this is fixed: RCPT: 550 5.7.1 <a***@example.com> refused" in caplog.text


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

    def shaky(*arguments: Any, **values: object) -> None:
        if answer := next(answers):
            raise answer
        original(*arguments, **values)

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
    assert (load(pending_row).state, load(pending_row).sent_nothing) == ("done", True)
    assert emails == []


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
