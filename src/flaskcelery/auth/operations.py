"""The rules of logging in and of resetting a forgotten password."""

from flask import current_app
from sqlalchemy import func, select

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, detach, now_plus, transaction
from flaskcelery.errors import UserFacingError, WrongPassword
from flaskcelery.users.accounts import update_unchanged
from flaskcelery.users.emails import send_password_reset_email
from flaskcelery.users.models import User
from flaskcelery.users.names import typed_email_key
from flaskcelery.users.password_change import replace_password
from flaskcelery.users.passwords import hasher
from flaskcelery.users.sessions import start_session
from flaskcelery.users.tokens import RESET_LINK_MAX_AGE, Purpose, password_link_max_age, timestamp, verify_token
from flaskcelery.web.rate_limits import count_member, take_email_quota

# A concurrent login may upgrade the hash between our check and our write; it will not do so twice.
LOGIN_TRIES = 3


class WrongCredentials(WrongPassword):
    message = "Please enter a correct email and password."
    field = ""


class EmailNotConfirmed(UserFacingError):
    message = "Please confirm your email first, with the link that we sent you."


class InvalidResetLink(UserFacingError):
    message = "This password reset link has been used already or has expired."


def authenticate(email: str, password: str, remember: bool = False) -> User:
    """Check the password and start a login session; return the user, who holds its token.

    Raises WrongCredentials for every failure alike, after the time of one password check; with the right
    password, EmailNotConfirmed if confirmation is required.
    """
    # A visitor who is logged in to this account already has an object of their own, with the old session's token.
    db.session.expunge_all()
    for _ in range(LOGIN_TRIES):
        user = _check_credentials(email, password)
        if _start_login(user, password, remember):
            return user
    raise WrongCredentials


def _check_credentials(email: str, password: str) -> User:
    """Return the account, detached from the database; raise WrongCredentials or EmailNotConfirmed."""
    user: User | None = db.session.scalar(select(User).where(User.email_key == typed_email_key(email)))
    least_rounds = hasher().most_rounds()  # so that an imported account takes no longer than the others
    db.session.expunge_all()
    db.session.rollback()  # no transaction is open while the password is hashed
    # A locked account has no hash here: with the right password, too, it takes the time of a failure.
    password_hash = user.password_hash if user and user.is_active else None
    if not hasher().verify(password, password_hash, least_rounds) or user is None:
        _record_failure(user)
        raise WrongCredentials
    if current_app.config["EMAIL_CONFIRMATION_REQUIRED"] and user.email_confirmed_at is None:
        _record_failure(user, "email not confirmed")
        raise EmailNotConfirmed if current_app.config["SIGN_UP_REVEALS_EMAIL"] else WrongCredentials
    return user


def _record_failure(user: User | None, detail: str = "") -> None:
    with transaction():
        record(Event.LOG_IN_FAILED, user and user.id, user.email if user else "", detail)


def _start_login(user: User, password: str, remember: bool) -> bool:
    """Start the session if the account is still as it was checked, upgrading an outdated hash; return whether it is."""
    new_hash = hasher().hash(password) if hasher().needs_rehash(user.password_hash) else user.password_hash
    count_member("log_in", user.id)
    seen = ["password_hash", "is_staff", "is_viewer"]  # staff's sessions are shorter
    with transaction():
        if not update_unchanged(user, seen, password_hash=new_hash, last_login_at=now_plus()):
            return False
        user.session_token = start_session(user, remember)
        record(Event.LOG_IN, user.id, user.email)
    return True


def find_email(user_id: int | None) -> str:
    """Return the email of an account, or "" if there is none."""
    return db.session.scalar(select(User.email).where(User.id == user_id)) or "" if user_id else ""


def request_reset(email: str) -> None:
    """Send a reset link, within the quota of one recipient. An email without an account costs the same time."""
    key = typed_email_key(email)
    if not take_email_quota("reset", key):
        return
    with transaction():
        user = db.session.scalar(select(User).where(User.email_key == key))
        user_id = user.id if user else None
        max_age = RESET_LINK_MAX_AGE.total_seconds()
        send_password_reset_email.enqueue(to=key, expires_after=max_age, user_id=user_id, made_at=timestamp())
        record(Event.RESET_REQUESTED, user_id, user.email if user else "")


def find_by_reset_token(user_id: int, token: str) -> User:
    """Return the account whose password the link can reset now; raise InvalidResetLink."""
    user = db.session.get(User, user_id)
    if user and user.is_active and verify_token(Purpose.RESET_PASSWORD, user, token, password_link_max_age(user)):
        return user
    raise InvalidResetLink


def reset_password(user_id: int, token: str, new_password: str) -> None:
    """Set the password, confirm the email that had the link, and end all sessions; raise InvalidResetLink."""
    user = detach(find_by_reset_token(user_id, token))
    new_hash = hasher().hash(new_password)
    confirmed_at = func.coalesce(User.email_confirmed_at, now_plus())
    with transaction():
        if not replace_password(user, new_hash, Event.PASSWORD_RESET, email_confirmed_at=confirmed_at):
            raise InvalidResetLink
