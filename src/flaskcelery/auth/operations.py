"""The rule of logging in."""

from sqlalchemy import select, update

from flaskcelery.audit.operations import Event, record
from flaskcelery.database import db, now_plus, transaction
from flaskcelery.errors import Refusal
from flaskcelery.users import sessions
from flaskcelery.users.models import User
from flaskcelery.users.names import InvalidEmail, email_key, normalize_email
from flaskcelery.users.passwords import PASSWORD_MAX_LENGTH, hash_password, needs_rehash, verify_password


class WrongCredentials(Refusal):
    """Please enter a correct email and password."""


def authenticate(email: str, password: str, remember: bool = False) -> User:
    """Check the password and start a login session; return the user, who holds its token.

    Raises WrongCredentials for every failure alike, after the time of one password check.
    """
    found = _find_account(email)
    db.session.rollback()  # no transaction is open while the password is hashed
    fits = verify_password(password[:PASSWORD_MAX_LENGTH], found.password_hash if found else None)
    if not (found and fits and found.is_active and len(password) <= PASSWORD_MAX_LENGTH):
        with transaction():
            record(Event.LOG_IN_FAILED, found.id if found else None, found.email if found else "")
        raise WrongCredentials
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
