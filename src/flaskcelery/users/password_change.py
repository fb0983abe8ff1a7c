"""Giving an account a new password: the one way, whoever asks for it."""

from typing import Any

from sqlalchemy import update

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.users.emails import send_password_changed_email
from flaskcelery.users.models import User
from flaskcelery.users.passwords import hash_password
from flaskcelery.users.sessions import end_sessions


class CannotChange(UserFacingError):
    """This account has no password to change: it is locked out or closed, or was changed just now."""


def set_password(user_id: int, password: str) -> None:
    """Give the account a password that an operator chose; raise CannotChange."""
    user = db.session.get_one(User, user_id)
    db.session.expunge(user)  # its columns stay readable after the rollback
    db.session.rollback()  # no transaction is open while the password is hashed
    new_hash = hash_password(password)
    with transaction():
        if not replace_password(user, new_hash, Event.PASSWORD_SET):
            raise CannotChange


def replace_password(user: User, new_hash: str, event: Event, keep_token: str | None = None, **values: Any) -> bool:
    """Set the password of the account as it was read, end its sessions but `keep_token`'s, owe the notice.

    False, and nothing done, if the account has changed since: of two who come together one wins. Caller commits.
    """
    is_done = db.session.scalar(
        update(User)
        .where(User.id == user.id, User.is_active)
        .where(User.password_hash == user.password_hash, User.email == user.email)
        .values(password_hash=new_hash, pending_email=None, **values)  # the link to that address is dead, too
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if is_done is not None:
        end_sessions(user.id, keep_token)
        send_password_changed_email.enqueue(user_id=user.id)
        record(event, user.id, user.email)
    return is_done is not None
