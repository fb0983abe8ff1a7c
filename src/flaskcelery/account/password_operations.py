"""The rule of changing one's password."""

from flaskcelery.audit.operations import Event, record
from flaskcelery.database import db, transaction
from flaskcelery.errors import Refusal
from flaskcelery.users.models import User
from flaskcelery.users.password_change import replace_password
from flaskcelery.users.password_rules import PASSWORD_MAX_LENGTH
from flaskcelery.users.passwords import hash_password, verify_password
from flaskcelery.users.sessions import renew_token


class WrongOldPassword(Refusal):
    """Your old password was entered incorrectly. Please enter it again."""


def change_password(user: User, old_password: str, new_password: str) -> None:
    """Set the new password, end all other login sessions, and give this one, which `user` holds, a new token.

    Raises WrongOldPassword, also when the password was changed elsewhere meanwhile.
    """
    db.session.expunge(user)  # its columns stay readable after the rollback
    db.session.rollback()  # no transaction is open while passwords are hashed
    if len(old_password) > PASSWORD_MAX_LENGTH or not verify_password(old_password, user.password_hash):
        with transaction():
            record(Event.PASSWORD_REFUSED, user.id, user.email)
        raise WrongOldPassword
    new_hash, token = hash_password(new_password), user.session_token or ""
    with transaction():
        if not replace_password(user, new_hash, Event.PASSWORD_CHANGED, keep_token=token):
            raise WrongOldPassword
        user.session_token = renew_token(token)
