"""A link's token is good for one purpose, one account as it was, and a time; nothing else is a token at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flaskcelery.app import create_app
from flaskcelery.database import database_now
from flaskcelery.users.models import User
from flaskcelery.users.tokens import Purpose, make_token, verify_token

LIVES = timedelta(hours=1)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
# What each purpose's token dies with, beside the account itself.
STATE = {
    Purpose.RESET_PASSWORD: {"password_hash", "password_changed_at", "last_login_at", "email_key"},
    Purpose.CONFIRM_EMAIL: {"email_key", "email_confirmed_at"},
    Purpose.REJECT_SIGN_UP: {"email_key", "email_confirmed_at", "email_changed_at"},
    Purpose.CHANGE_EMAIL: {"password_hash", "email_key", "pending_email"},
    Purpose.UNDO_EMAIL: {"email_key", "previous_email", "email_changed_at"},
    Purpose.FINISH_LOGIN: {"password_hash", "email_key", "last_login_at", "totp_secret"},
    Purpose.KNOW_DEVICE: {"devices_forgotten_at", "password_changed_at"},
    Purpose.DISOWN_LOGIN: {"email_key", "devices_forgotten_at"},
}
bounded = settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Account:
    """An account's state."""

    id: int = 1
    is_active: bool = True
    password_hash: str = "hash"
    password_changed_at: datetime | None = None
    email_key: str = "alice@example.com"
    last_login_at: datetime | None = None
    email_confirmed_at: datetime | None = None
    pending_email: str | None = "new@example.com"
    previous_email: str | None = "old@example.com"
    email_changed_at: datetime | None = MOMENT
    totp_secret: str | None = None
    devices_forgotten_at: datetime | None = None

    def user(self) -> User:
        """Return the account as a model."""
        return User(**vars(self))


CHANGES = {
    "id": 11,
    "is_active": False,
    "password_hash": "another",
    "password_changed_at": MOMENT,
    "email_key": "b@example.com",
    "last_login_at": MOMENT,
    "email_confirmed_at": MOMENT,
    "pending_email": None,
    "previous_email": None,
    "email_changed_at": None,
    "totp_secret": "secret",
    "devices_forgotten_at": MOMENT,
}


@bounded
@given(
    made_for=st.sampled_from(Purpose), used_for=st.sampled_from(Purpose), changed=st.sets(st.sampled_from([*CHANGES]))
)
def test_a_token_is_good_for_its_purpose_and_its_account_as_it_was(
    app: Flask, made_for: Purpose, used_for: Purpose, changed: set[str]
) -> None:
    account = Account()
    with app.app_context():
        token = make_token(made_for, account.user(), database_now())
        now = replace(account, **{name: CHANGES[name] for name in changed})
        ends_it = changed & (STATE[made_for] | {"id", "is_active"})
        assert verify_token(used_for, now.user(), token, LIVES) == (made_for == used_for and not ends_it)


@bounded
@given(age=st.integers(-60, 7200), purpose=st.sampled_from(Purpose))
def test_a_token_ends_with_its_time(app: Flask, age: int, purpose: Purpose) -> None:
    user = Account().user()
    with app.app_context():
        token = make_token(purpose, user, database_now() - timedelta(seconds=age))
        if abs(age - LIVES.total_seconds()) > 5:
            assert verify_token(purpose, user, token, LIVES) == (age < LIVES.total_seconds())


@bounded
@given(data=st.data())
def test_a_changed_token_is_none(app: Flask, data: st.DataObject) -> None:
    user = Account().user()
    with app.app_context():
        token = make_token(Purpose.RESET_PASSWORD, user, database_now())
        place = data.draw(st.integers(0, len(token) - 1))
        other = token[:place] + data.draw(st.characters()) + token[place + data.draw(st.integers(0, 1)) :]
        assert verify_token(Purpose.RESET_PASSWORD, user, other, LIVES) == (other == token)


@bounded
@given(text=st.text(max_size=80) | st.text("0123456789abcdef-", max_size=80))
def test_no_text_is_a_token(app: Flask, text: str) -> None:
    with app.app_context():
        assert not verify_token(Purpose.RESET_PASSWORD, Account().user(), text, LIVES)


@pytest.mark.requirement(15)
def test_a_token_is_the_same_in_every_time_zone(app: Flask) -> None:
    moments = ("last_login_at", "email_confirmed_at", "email_changed_at", "devices_forgotten_at")
    accounts = [
        Account(**dict.fromkeys(moments, MOMENT.astimezone(timezone(timedelta(hours=hours))))).user()
        for hours in (0, 5, -9)
    ]
    with app.app_context():
        for purpose in Purpose:
            assert len({make_token(purpose, user, MOMENT) for user in accounts}) == 1


@pytest.mark.requirement(15)
def test_a_token_tells_moments_apart_that_share_a_second(app: Flask) -> None:
    logins = (MOMENT, MOMENT + timedelta(microseconds=1))
    users = [Account(last_login_at=login).user() for login in logins]
    with app.app_context():
        assert len({make_token(Purpose.RESET_PASSWORD, user, MOMENT) for user in users}) == 2


@pytest.mark.requirement(15)
def test_each_purpose_has_a_key_of_its_own(app: Flask) -> None:
    """These two purposes sign the same state of this account."""
    user = Account(
        password_hash="x", email_key="x", previous_email="x", pending_email=None, email_changed_at=None
    ).user()
    with app.app_context():
        assert len({make_token(purpose, user, MOMENT) for purpose in (Purpose.CHANGE_EMAIL, Purpose.UNDO_EMAIL)}) == 2


@pytest.mark.requirement(15)
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_link_outlives_its_secret_key_only_as_long_as_that_is_a_fallback(
    app: Flask, environ: dict[str, str], is_kept: bool
) -> None:
    user = Account().user()
    with app.app_context():
        token = make_token(Purpose.UNDO_EMAIL, user, database_now())
    keys = f"{'y' * 50} {app.config['SECRET_KEY']}" if is_kept else "y" * 50
    with create_app({**environ, "SECRET_KEY": "x" * 50, "SECRET_KEY_FALLBACKS": keys}).app_context():
        assert verify_token(Purpose.UNDO_EMAIL, user, token, LIVES) == is_kept
