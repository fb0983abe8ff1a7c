"""The rules of resetting a forgotten password."""

from contextlib import suppress

from sqlalchemy import Row, func, select

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, now_plus, pause, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.users.accounts import is_beyond_sign_up
from flaskcelery.users.emails import send_password_reset_email
from flaskcelery.users.models import User
from flaskcelery.users.names import typed_email_key
from flaskcelery.users.password_change import replace_password
from flaskcelery.users.passwords import hasher
from flaskcelery.users.tokens import RESET_LINK_MAX_AGE, Purpose, password_link_max_age, timestamp, verify_token
from flaskcelery.users.two_factor import NoTotp, remove
from flaskcelery.web.rate_limits import take_email_quota


class InvalidResetLink(UserFacingError):
    message = "This password reset link has been used already or has expired."


def request_reset(email: str) -> None:
    """Send a reset link, within the quota of one recipient.

    An email without an account, and one too many, cost the same time: they add a row that sends nothing.
    """
    key = typed_email_key(email)
    columns = (User.id, User.email, is_beyond_sign_up().label("has_own_quota"))
    owner = db.session.execute(select(*columns).where(User.email_key == key)).first()
    is_within = _take_quota(key, owner)
    user_id, stored_email = (owner.id, owner.email) if owner and is_within else (None, "")
    with transaction():
        max_age = RESET_LINK_MAX_AGE.total_seconds()
        send_password_reset_email.enqueue(to=key, expires_after=max_age, user_id=user_id, made_at=timestamp())
        record(Event.RESET_REQUESTED, user_id, stored_email)


def _take_quota(key: str, owner: Row[int, str, bool] | None) -> bool:
    """Choose one of three quotas: with a single one, anybody could use up that of victim@ with victim+1@."""
    if owner and owner.has_own_quota:
        return take_email_quota("reset", owner.id)
    return take_email_quota("unconfirmed" if owner else "nobody", key)


def find_by_reset_token(user_id: int, token: str) -> User:
    """Return the account whose password the link can reset now; raise InvalidResetLink."""
    user = db.session.get(User, user_id)
    if user and user.is_active and verify_token(Purpose.RESET_PASSWORD, user, token, password_link_max_age(user)):
        return user
    raise InvalidResetLink


def reset_password(user_id: int, token: str, new_password: str) -> None:
    """Set the password, confirm the email that had the link, and end all sessions; raise InvalidResetLink.

    A second factor stays, unless the email was never confirmed: then a stranger could have set it up.
    """
    user = find_by_reset_token(user_id, token)
    pause(user)
    new_hash = hasher().hash(new_password)
    confirmed_at = func.coalesce(User.email_confirmed_at, now_plus())
    with transaction():
        if not replace_password(user, new_hash, Event.PASSWORD_RESET, email_confirmed_at=confirmed_at):
            raise InvalidResetLink
        if not (user.email_confirmed_at or user.email_changed_at):
            with suppress(NoTotp):
                remove(user_id, Event.TOTP_UNPROVEN)
