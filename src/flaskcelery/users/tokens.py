"""Links in emails, logins that wait for a code, and known devices. A token is an HMAC over what it may change, so it
dies with that; nothing is stored."""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from flask import current_app

from flaskcelery.database import database_now
from flaskcelery.users.models import User
from flaskcelery.web.urls import public_url

LINK_DAYS = 7
LINK_MAX_AGE = timedelta(days=LINK_DAYS)
RESET_LINK_MAX_AGE = timedelta(hours=1)


class Purpose(StrEnum):
    """What a token allows. A token for one purpose is invalid for any other."""

    RESET_PASSWORD = "reset-password"  # noqa: S105  a name
    CONFIRM_EMAIL = "confirm-email"
    REJECT_SIGN_UP = "reject-sign-up"
    CHANGE_EMAIL = "change-email"
    UNDO_EMAIL = "undo-email"
    FINISH_LOGIN = "finish-login"
    KNOW_DEVICE = "know-device"
    DISOWN_LOGIN = "disown-login"


def timestamp() -> int:
    """Return the database's time in Unix seconds, as a task's argument that makes its link reproducible."""
    return int(database_now().timestamp())


def make_token(purpose: Purpose, user: User, made_at: datetime) -> str:
    """Return the token for this account as it is now. The same time gives the same token, so an email can be resent."""
    seconds = int(made_at.timestamp())
    return f"{seconds:x}-{_sign(current_app.config['SECRET_KEY'], purpose, user, seconds)}"


def verify_token(purpose: Purpose, user: User, token: str, max_age: timedelta | None) -> bool:
    """Return whether the token was made here for this purpose, is young enough, and its account active and unchanged.

    Without a `max_age`, the database's clock is not asked.
    """
    found = re.fullmatch(r"([1-9a-f][0-9a-f]{0,7})-([0-9a-f]{64})", token)
    if not found or not user.is_active:
        return False
    seconds, given = int(found[1], 16), found[2]
    if max_age is not None and database_now() > datetime.fromtimestamp(seconds, UTC) + max_age:
        return False
    keys = [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]
    return any(hmac.compare_digest(given, _sign(key, purpose, user, seconds)) for key in keys)


def _sign(secret_key: str, purpose: Purpose, user: User, seconds: int) -> str:
    state: dict[Purpose, tuple[object, ...]] = {
        Purpose.RESET_PASSWORD: (
            user.password_hash,
            _utc_seconds(user.password_changed_at),  # a password can become void more than once
            _utc_seconds(user.last_login_at),
            user.email_key,
        ),
        Purpose.CONFIRM_EMAIL: (user.email_key, _utc_seconds(user.email_confirmed_at)),
        Purpose.REJECT_SIGN_UP: (
            user.email_key,
            _utc_seconds(user.email_confirmed_at),
            _utc_seconds(user.email_changed_at),
        ),
        Purpose.CHANGE_EMAIL: (user.password_hash, user.email_key, user.pending_email),
        Purpose.UNDO_EMAIL: (user.email_key, user.previous_email, _utc_seconds(user.email_changed_at)),
        Purpose.FINISH_LOGIN: (user.password_hash, user.email_key, _utc_seconds(user.last_login_at), user.totp_secret),
        Purpose.KNOW_DEVICE: (_utc_seconds(user.devices_forgotten_at), _utc_seconds(user.password_changed_at)),
        Purpose.DISOWN_LOGIN: (user.email_key, _utc_seconds(user.devices_forgotten_at)),
    }
    # Each purpose has its own key, so that no other use of SECRET_KEY can produce a token.
    key = hmac.digest(secret_key.encode(), f"link: {purpose}".encode(), "sha256")
    text = repr((user.id, seconds, *state[purpose]))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _utc_seconds(moment: datetime | None) -> float | None:
    """Return a number, since each connection to Postgres writes times in the time zone of its own process."""
    return moment.timestamp() if moment else None


def confirmation_link(user: User, made_at: int | None = None) -> str:
    """Return the link that confirms the email, made at this Unix time or else when the account was opened."""
    return _link("confirm", Purpose.CONFIRM_EMAIL, user, _moment(made_at) if made_at else user.joined_at)


def reject_link(user: User, made_at: int | None = None) -> str | None:
    """Return the link that deletes an account that nobody has confirmed; None if its email was confirmed or changed."""
    if user.email_confirmed_at or user.email_changed_at:
        return None
    return _link("reject", Purpose.REJECT_SIGN_UP, user, _moment(made_at) if made_at else user.joined_at)


def change_link(user: User, made_at: int) -> str:
    """Return the link that makes the pending email the account's."""
    return _link("change", Purpose.CHANGE_EMAIL, user, _moment(made_at))


def undo_link(user: User) -> str:
    """Return the link that restores the account's previous email."""
    return _link("undo", Purpose.UNDO_EMAIL, user, user.email_changed_at or user.joined_at)


def disown_link(user: User, logged_in_at: datetime) -> str:
    """Return the link with which the owner of an account says that a login was somebody else's."""
    return _link("disown", Purpose.DISOWN_LOGIN, user, logged_in_at)


def password_link(user: User, made_at: int) -> str | None:
    """Return the link that lets the owner choose a password, or None if it has expired already."""
    moment = _moment(made_at)
    if database_now() > moment + password_link_max_age(user):
        return None
    token = make_token(Purpose.RESET_PASSWORD, user, moment)
    return public_url("auth.show_reset_link", user_id=user.id, token=token)


def password_link_max_age(user: User) -> timedelta:
    """Return how long a password link works: longer for an account without a password, which has little to lose."""
    return RESET_LINK_MAX_AGE if user.has_password else LINK_MAX_AGE


def lifetime(max_age: timedelta) -> str:
    """Return how long a link works, as an email says it."""
    if max_age >= timedelta(days=1):
        return f"{max_age.days} days"
    hours = max_age // timedelta(hours=1)
    return "one hour" if hours == 1 else f"{hours} hours"


def _link(action: str, purpose: Purpose, user: User, made_at: datetime) -> str:
    return public_url("email_links.show", action=action, user_id=user.id, token=make_token(purpose, user, made_at))


def _moment(unix_time: int) -> datetime:
    return datetime.fromtimestamp(unix_time, UTC)
