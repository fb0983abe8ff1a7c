"""Whatever state a row is in, whatever the mail server and the broker do: it ends, done or failed with a reason."""

import itertools
import uuid
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from flaskcelery.database import db, now_plus, transaction
from flaskcelery.mail.errors import ConfigurationMailError, PermanentMailError, TemporaryMailError, UnknownMailError
from flaskcelery.outbox import delivery, relay
from flaskcelery.outbox.models import OutboxRow, is_pending
from flaskcelery.signup.operations import register

STEP = timedelta(hours=12)
WRITTEN, EARLIER = "%Y-%m-%d %H:%M:%f000", "-12 hours"  # for SQLite
LONGEST = timedelta(days=8)  # a week of patience with the configuration, and a day
FIELDS = {
    "task": ["send_welcome_email", "of_another_release"],
    "user": ["alive", "dead", None],
    "attempts": [0, 50],
    "due_at": [-3600.0, 0.0, 3600.0],
    "expires_at": [-1.0, 86400.0],
}
ANSWERS = {
    "takes it": None,
    "says later": TemporaryMailError("RCPT: 451 later"),
    "says never": PermanentMailError("RCPT: 550 no such user"),
    "is misconfigured": ConfigurationMailError("AUTH: 535 no"),
    "never says": UnknownMailError("DOT: TimeoutError"),
    "breaks us": RuntimeError("a fault of ours\x00\x1b"),
}


def add_every_combination(user_id: int) -> int:
    """Add a row for every combination of fields; return how many."""
    users = {"alive": user_id, "dead": user_id + 1000, None: None}
    with transaction():
        for values in itertools.product(*FIELDS.values()):
            row = dict(zip(FIELDS, values, strict=True))
            user = users[row.pop("user")]
            moments = {name: now_plus(row.pop(name)) for name in ("due_at", "expires_at")}
            args = {"user_id": user} if user else {}
            db.session.add(OutboxRow(id=uuid.uuid4(), user_id=user, args=args, **moments, **row))
    return len(list(itertools.product(*FIELDS.values())))


def let_time_pass() -> None:
    """Move every pending row into the past."""
    moments = ("due_at", "expires_at", "created_at")
    earlier = {name: func.strftime(WRITTEN, OutboxRow.__table__.c[name], EARLIER) for name in moments}
    with transaction():
        db.session.execute(update(OutboxRow).where(is_pending()).values(earlier))


@pytest.mark.parametrize("broker", ["takes messages that nobody reads", "is away"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_every_row_ends(quiet_app: Flask, monkeypatch: pytest.MonkeyPatch, answer: str, broker: str) -> None:
    register("alice", "alice@example.com", "correct horse")
    user_id = db.session.scalars(select(OutboxRow.user_id)).one()
    assert user_id is not None
    count = add_every_combination(user_id) + 1

    def send(_: object) -> None:
        if error := ANSWERS[answer]:
            raise error

    monkeypatch.setattr(delivery.mail, "send", send)
    monkeypatch.setattr(relay, "DIRECT_SENDS_PER_PASS", count)
    monkeypatch.setattr(relay, "ROWS_PER_PASS", count)
    if broker == "is away":
        monkeypatch.setattr(relay, "count_room", lambda _: (0, 0))
    else:
        monkeypatch.setattr(quiet_app.extensions["publisher"], "publish", lambda *_: None)
        monkeypatch.setattr(relay, "count_room", lambda _: (count, count))
    passed = timedelta()
    while db.session.scalar(select(OutboxRow.id).where(is_pending())):
        relay.relay_once(period=5)
        let_time_pass()
        passed += STEP
        assert passed <= LONGEST, "a row never ends"

    rows = db.session.scalars(select(OutboxRow)).all()
    assert len(rows) == count
    assert all((row.done_at is None) != (row.failed_at is None) for row in rows)
    assert all(row.error for row in rows if row.failed_at)
    if answer == "takes it":  # of known tasks of two users that had time left, and alice's own
        assert sum(row.done_at is not None for row in rows) == 2 * 2 * 3 + 1
