"""The relay: pending rows are published, sent without the broker, or expired."""

import threading
import uuid

import flask_mail
import pytest
from flask import Flask, current_app
from sqlalchemy import func, select, update

from flaskcelery.database import db, now_plus, transaction
from flaskcelery.outbox import relay
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.relay import DIRECT_SENDS_PER_PASS, MAX_WAITING, ROWS_PER_PASS, relay_once, take_overdue
from flaskcelery.signup.tasks import send_welcome_email
from flaskcelery.users.emails import send_password_reset_email
from tests.unit.conftest import change, load
from tests.unit.outbox.broker import Broker

Emails = list[flask_mail.Message]


def enqueue_many(number: int) -> None:
    """Enqueue that many welcome emails, the first one due the longest."""
    current_app.extensions["publisher"].try_publish = lambda *_: None
    with transaction():
        rows = [send_welcome_email.enqueue(user_id=index) for index in range(1, number + 1)]
    with transaction():
        for index, row in enumerate(rows):
            seconds = -1000.0 + index
            db.session.execute(update(OutboxRow).where(OutboxRow.id == row.id).values(due_at=now_plus(seconds)))


def test_a_lost_message_is_published_again_after_one_period(pending_row: uuid.UUID, broker: Broker) -> None:
    relay_once(period=5)
    assert broker.published == []
    change(pending_row, due_at=-6.0)
    relay_once(period=5)
    relay_once(period=5)
    assert broker.published == [pending_row]
    assert load(pending_row).attempts == 0


def test_without_a_broker_the_relay_sends_by_itself(pending_row: uuid.UUID, broker: Broker, emails: Emails) -> None:
    broker.is_down = True
    change(pending_row, due_at=-6.0)
    relay_once(period=5)
    assert load(pending_row).done_at is not None
    assert len(emails) == 1


def test_a_pass_is_bounded_and_asks_a_lost_broker_once(broker: Broker) -> None:
    enqueue_many(DIRECT_SENDS_PER_PASS + 5)
    broker.is_down = True
    relay_once(period=0)
    done = db.session.scalars(select(OutboxRow.user_id).where(OutboxRow.done_at.is_not(None))).all()
    assert broker.tried == 1
    assert sorted(user for user in done if user) == list(range(1, DIRECT_SENDS_PER_PASS + 1))


def test_a_stale_row_is_sent_although_the_broker_takes_it(
    pending_row: uuid.UUID, broker: Broker, emails: Emails
) -> None:
    change(pending_row, due_at=-6.0, created_at=-29.0)
    relay_once(period=5)
    assert (broker.published, len(emails)) == ([pending_row], 0)
    change(pending_row, due_at=-6.0, created_at=-31.0)
    relay_once(period=5)
    assert (broker.published, len(emails)) == ([pending_row, pending_row], 1)


def test_a_pass_ends_although_the_mail_server_is_slow(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    enqueue_many(3)
    broker.is_down = True
    monkeypatch.setattr(relay, "SENDING_SECONDS", 0)
    relay_once(period=0)
    assert db.session.scalars(select(OutboxRow.attempts)).all() == [0, 0, 0]


def test_a_broker_that_nobody_empties_is_not_filled_further(pending_row: uuid.UUID, broker: Broker) -> None:
    change(pending_row, due_at=-60.0)
    broker.waiting = MAX_WAITING
    relay_once(period=5)
    assert broker.published == []
    assert load(pending_row).done_at is not None


def test_a_backlog_is_taken_in_turn_the_oldest_first(broker: Broker) -> None:
    enqueue_many(ROWS_PER_PASS + 10)
    first, second = take_overdue(0.5, ROWS_PER_PASS), take_overdue(0.5, ROWS_PER_PASS)
    users = dict(db.session.execute(select(OutboxRow.id, OutboxRow.user_id)).all())
    assert sorted(users[row_id] or 0 for row_id, *_ in first) == list(range(1, ROWS_PER_PASS + 1))
    assert len(second) == 10


def test_a_leased_row_is_not_failed_before_its_lease_ends(pending_row: uuid.UUID, broker: Broker) -> None:
    change(pending_row, expires_at=-1.0, due_at=60.0)
    relay_once(period=0)
    assert load(pending_row).failed_at is None
    change(pending_row, due_at=-1.0)
    relay_once(period=0)
    assert (load(pending_row).failed_at is None, load(pending_row).error) == (False, "expired before delivery")


@pytest.mark.parametrize("values", [{"due_at": -60.0}, {"task": "unknown"}, {"attempts": 99}])
def test_whatever_else_it_is_a_row_past_its_end_is_failed(
    pending_row: uuid.UUID, broker: Broker, values: dict[str, float | int | str]
) -> None:
    change(pending_row, expires_at=-1.0, **values)
    relay_once(period=0)
    assert load(pending_row).failed_at is not None
    assert broker.published == []


def test_many_rows_past_their_end_are_failed_in_batches_and_delay_no_other(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaskcelery.retention.PURGED_PER_PASS", 2)
    enqueue_many(6)
    with transaction():
        db.session.execute(update(OutboxRow).where(OutboxRow.user_id <= 5).values(expires_at=now_plus(-1)))
    failed = []
    for _ in range(3):
        relay_once(period=5)
        failed.append(db.session.scalar(select(func.count()).where(OutboxRow.failed_at.is_not(None))))
    assert failed == [2, 4, 5]
    assert [load(row_id).user_id for row_id in broker.published] == [6]


def test_a_task_that_nobody_knows_is_not_published_but_slows_down(pending_row: uuid.UUID, broker: Broker) -> None:
    change(pending_row, task="of_the_next_release", due_at=-60.0)
    relay_once(period=0)
    row = load(pending_row)
    assert (row.attempts, row.failed_at, row.error) == (1, None, "KeyError: 'of_the_next_release'")
    assert broker.published == []


def test_urgent_rows_and_others_are_taken_in_turn(quiet_app: Flask) -> None:
    enqueue_many(6)
    with transaction():
        urgent = [send_password_reset_email.enqueue(user_id=1, made_at=1).id for _ in range(2)]
        db.session.execute(update(OutboxRow).where(OutboxRow.id.in_(urgent)).values(due_at=now_plus(-10)))
    taken = take_overdue(5, 6)
    assert [row.id in urgent for row in taken] == [True, False, True, False, False, False]
    assert [row.id in urgent for row in take_overdue(0, 2)] == [True, False]


def test_a_slow_domain_has_one_direct_send_in_a_pass(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    enqueue_many(4)
    with transaction():
        db.session.execute(update(OutboxRow).where(OutboxRow.user_id < 4).values(domain="tarpit.org"))
    broker.is_down = True
    monkeypatch.setattr(relay, "SLOW_SECONDS", -1)
    relay_once(period=0)
    done = db.session.scalars(select(OutboxRow.user_id).where(OutboxRow.done_at.is_not(None)))
    assert sorted(done) == [1, 4]


def test_a_done_row_is_left_alone(pending_row: uuid.UUID, broker: Broker) -> None:
    change(pending_row, done_at=-60.0, due_at=-3600.0, expires_at=-60.0)
    relay_once(period=0)
    assert load(pending_row).failed_at is None
    assert broker.published == []


def test_an_old_backlog_is_not_left_to_the_relay_alone(broker: Broker, emails: Emails) -> None:
    enqueue_many(DIRECT_SENDS_PER_PASS + 30)
    with transaction():
        db.session.execute(update(OutboxRow).values(created_at=now_plus(-3600)))
    relay_once(period=5)
    assert len(broker.published) == DIRECT_SENDS_PER_PASS + 30


@pytest.mark.parametrize("is_down", [False, True], ids=["publishing", "sending"])
def test_a_stopping_relay_begins_nothing(pending_row: uuid.UUID, broker: Broker, emails: Emails, is_down: bool) -> None:
    change(pending_row, due_at=-60.0, created_at=-3600.0)
    broker.is_down = is_down
    is_stopping = threading.Event()
    is_stopping.set()
    relay_once(5, is_stopping)
    assert (broker.published, emails) == ([], [])
