"""Links in mails: a token is an HMAC over what it may change, so it dies with that; nothing is stored for it."""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from flask import current_app
from sqlalchemy import select

from flaskcelery.database import db, now_plus
from flaskcelery.users.models import User


class Purpose(StrEnum):
    """What a token allows; a token for one is none for another."""

    RESET_PASSWORD = "reset-password"  # noqa: S105  a name
    CONFIRM_EMAIL = "confirm-email"
    CHANGE_EMAIL = "change-email"
    UNDO_EMAIL = "undo-email"


def database_now() -> datetime:
    """Return the database's time: the one clock by which tokens are made and expire."""
    now: datetime = db.session.execute(select(now_plus())).scalar_one()
    return now


def make_token(purpose: Purpose, user: User, made_at: datetime) -> str:
    """Return the token for this account as it is now: the same for the same moment, so a mail can be sent twice."""
    seconds = int(made_at.timestamp())
    return f"{seconds:x}-{_sign(current_app.config['SECRET_KEY'], purpose, user, seconds)}"


def verify_token(purpose: Purpose, user: User, token: str, max_age: timedelta) -> bool:
    """Tell whether the token was made here, for this, not too long ago, and the account is still as it was then."""
    if not re.fullmatch(r"[1-9a-f][0-9a-f]{0,7}-[0-9a-f]{64}", token):
        return False
    seconds = int(token.partition("-")[0], 16)
    if database_now() > datetime.fromtimestamp(seconds, UTC) + max_age:
        return False
    given = token.partition("-")[2]
    keys = [current_app.config["SECRET_KEY"], *(current_app.config.get("SECRET_KEY_FALLBACKS") or ())]
    return any(hmac.compare_digest(given, _sign(key, purpose, user, seconds)) for key in keys)


def _sign(key: str, purpose: Purpose, user: User, seconds: int) -> str:
    state: dict[Purpose, tuple[object, ...]] = {
        Purpose.RESET_PASSWORD: (user.password_hash, user.last_login_at, user.email),
        Purpose.CONFIRM_EMAIL: (user.email, user.email_confirmed_at),
        Purpose.CHANGE_EMAIL: (user.password_hash, user.email, user.pending_email),
        Purpose.UNDO_EMAIL: (user.email, user.previous_email, user.email_changed_at),
    }
    text = repr((purpose.value, user.id, user.is_active, seconds, *state[purpose]))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
