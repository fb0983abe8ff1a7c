"""Who can claim a row, for how long, and how long a failed one waits."""

import uuid

import flask_mail
import pytest
from flask import Flask, current_app

from flaskcelery.outbox import delivery
from tests.unit.conftest import change, load, seconds_until_due

Emails = list[flask_mail.Message]


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
