"""The rules of logging in and of resetting a forgotten password."""

from flask import current_app
from sqlalchemy import func, select, update

from flaskcelery.audit.events import Event, record
from flaskcelery.auth.tasks import send_password_reset_email
from flaskcelery.database import db, now_plus, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.users import sessions
from flaskcelery.users.links import RESET_LINK_MAX_AGE, password_link_max_age
from flaskcelery.users.models import User
from flaskcelery.users.names import InvalidEmail, email_key, normalize_email
from flaskcelery.users.password_change import replace_password
from flaskcelery.users.password_policy import PASSWORD_MAX_LENGTH
from flaskcelery.users.passwords import hash_password, needs_rehash, verify_password
from flaskcelery.users.tokens import Purpose, database_now, verify_token
from flaskcelery.web.rate_limits import note_guess, take_email_quota


class WrongCredentials(UserFacingError):
    """Please enter a correct email and password."""


class EmailNotConfirmed(UserFacingError):
    """Please confirm your address first, with the link that we mailed you."""


def authenticate(email: str, password: str, remember: bool = False) -> User:
    """Check the password and start a login session; return the user, who holds its token.

    Raises WrongCredentials for every failure alike, after the time of one password check; with the right
    password, EmailNotConfirmed if that is required.
    """
    found = _find_account(email)
    db.session.rollback()  # no transaction is open while the password is hashed
    fits = verify_password(password[:PASSWORD_MAX_LENGTH], found.password_hash if found else None)
    is_right = bool(found and fits and found.is_active and len(password) <= PASSWORD_MAX_LENGTH)
    note_guess(is_right)
    if not (found and is_right):
        with transaction():
            record(Event.LOG_IN_FAILED, found.id if found else None, found.email if found else "")
        raise WrongCredentials
    if current_app.config["EMAIL_CONFIRMATION_REQUIRED"] and found.email_confirmed_at is None:
        with transaction():
            record(Event.LOG_IN_FAILED, found.id, found.email, detail="address not confirmed")
        raise EmailNotConfirmed
    new_hash = hash_password(password) if needs_rehash(found.password_hash) else found.password_hash
    with transaction():
        still_valid = db.session.scalar(
            update(User)
            .where(User.id == found.id, User.password_hash == found.password_hash, User.is_active)
            .values(password_hash=new_hash, last_login_at=now_plus())
            .returning(User.id)
        )
        if still_valid:
            found.session_token = sessions.start_session(found.id, remember)
            record(Event.LOG_IN, found.id, found.email)
    if still_valid is None:  # changed meanwhile: made anew by another log-in, or for good
        return authenticate(email, password, remember)
    return found


def typed_email_key(email: str) -> str:
    """Return what finds the account of a typed address; nothing for what is none."""
    try:
        return email_key(normalize_email(email.strip()))
    except InvalidEmail:
        return ""


def _find_account(email: str) -> User | None:
    user = db.session.scalar(select(User).where(User.email_key == typed_email_key(email)))
    if user:
        db.session.expunge(user)  # its columns stay readable after the rollback
    return user


def ask_reset(email: str) -> None:
    """Owe a mail with a link that resets the password; an address of no account costs the same and gets none.

    Neither does an address that was sent many of them in the last hour.
    """
    if not take_email_quota("reset", typed_email_key(email)):
        return
    found = _find_account(email)
    user_id = found.id if found else None
    with transaction():
        made_at = int(database_now().timestamp())
        send_password_reset_email.enqueue(
            expires_after=RESET_LINK_MAX_AGE.total_seconds(), user_id=user_id, made_at=made_at
        )
        record(Event.RESET_ASKED, user_id, found.email if found else "")


def find_by_reset_token(user_id: int, token: str) -> User | None:
    """Return the account whose password the link may reset now."""
    user = db.session.get(User, user_id)
    if user is None or not user.is_active:
        return None
    return user if verify_token(Purpose.RESET_PASSWORD, user, token, password_link_max_age(user)) else None


def reset_password(user_id: int, token: str, new_password: str) -> bool:
    """Set the password and end all login sessions; the mail came, so the address counts as confirmed.

    False if the link is not good, or is not any more.
    """
    user = find_by_reset_token(user_id, token)
    if user is None:
        return False
    db.session.expunge(user)  # its columns stay readable after the rollback
    db.session.rollback()  # no transaction is open while the password is hashed
    new_hash = hash_password(new_password)
    confirmed_at = func.coalesce(User.email_confirmed_at, now_plus())
    with transaction():
        return replace_password(user, new_hash, Event.PASSWORD_RESET, email_confirmed_at=confirmed_at)
