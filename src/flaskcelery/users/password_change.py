"""Checking an account's password, and giving it a new one: one rule for the owner, a reset link and staff."""

from typing import Any

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, now_plus, pause, transaction
from flaskcelery.errors import UserFacingError, WrongPassword
from flaskcelery.users.accounts import update_unchanged
from flaskcelery.users.emails import send_invitation_email, send_password_changed_email, send_password_reset_email
from flaskcelery.users.models import VOIDED_PASSWORD, User
from flaskcelery.users.passwords import hasher
from flaskcelery.users.sessions import end_sessions
from flaskcelery.users.tokens import RESET_LINK_MAX_AGE, password_link_max_age, timestamp

# Of an account whose password somebody else may know.
VOID = {"password_hash": VOIDED_PASSWORD, "password_changed_at": now_plus(), "pending_email": None}


class CannotChange(UserFacingError):
    message = "This account has no password to change: it is locked out or closed, or it has just been changed."


def check_password(user: User, password: str, password_hash: str | None = None) -> None:
    """Raise WrongPassword, and audit it, unless this is the account's password, or that of another hash.

    Detaches `user`.
    """
    pause(user)
    if not hasher().verify(password, password_hash or user.password_hash):
        with transaction():
            record(Event.WRONG_PASSWORD, user.id, user.email)
        raise WrongPassword


def set_password(user_id: int, password: str) -> None:
    """Give the account a password that an operator chose; raise CannotChange."""
    user = db.session.get_one(User, user_id)
    pause(user)
    new_hash = hasher().hash(password)
    with transaction():
        if not replace_password(user, new_hash, Event.PASSWORD_SET):
            raise CannotChange


def replace_password(user: User, new_hash: str, event: Event, keep: str | None = None, **values: Any) -> bool:
    """Set the account's password, end its sessions except the one of the token `keep`, and tell its owner.

    Return False, with nothing done, if the account has changed since `user` was read, so that only one of two
    concurrent changes succeeds. The caller commits.
    """
    values |= {"password_hash": new_hash, "password_changed_at": now_plus()}
    values |= {"pending_email": None}  # a link to the pending email dies, too
    if not update_unchanged(user, ["password_hash", "email"], **values):
        return False
    end_sessions(user.id, keep=keep)
    send_password_changed_email.enqueue(to=user.email, user_id=user.id)
    record(event, user.id, user.email)
    return True


def enqueue_password_link(user: User) -> None:
    """Send the owner of an account a link to choose a password: the first one, or a new one. The caller commits."""
    send = send_password_reset_email if user.has_password else send_invitation_email
    max_age = password_link_max_age(user).total_seconds()
    send.enqueue(to=user.email, expires_after=max_age, user_id=user.id, made_at=timestamp())


def start_reset(user: User, email: str) -> None:
    """End the sessions of an account whose password is void, and send this email a link to choose a new one."""
    end_sessions(user.id)
    max_age = RESET_LINK_MAX_AGE.total_seconds()
    send_password_reset_email.enqueue(to=email, expires_after=max_age, user_id=user.id, made_at=timestamp())
