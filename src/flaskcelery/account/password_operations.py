"""The rule of changing one's password."""

from flaskcelery.account.operations import WrongPassword, check_password
from flaskcelery.audit.events import Event
from flaskcelery.database import db, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.users.models import User
from flaskcelery.users.password_change import replace_password
from flaskcelery.users.passwords import hash_password
from flaskcelery.users.sessions import renew_token


class WrongOldPassword(UserFacingError):
    """Your old password was entered incorrectly. Please enter it again."""


def change_password(user: User, old_password: str, new_password: str) -> None:
    """Set the new password, end all other login sessions, and give this one, which `user` holds, a new token.

    Raises WrongOldPassword, also when the password was changed elsewhere meanwhile.
    """
    db.session.expunge(user)  # its columns stay readable after the rollback
    try:
        check_password(user, old_password)
    except WrongPassword:
        raise WrongOldPassword from None
    new_hash, token = hash_password(new_password), user.session_token or ""
    with transaction():
        if not replace_password(user, new_hash, Event.PASSWORD_CHANGED, keep_token=token):
            raise WrongOldPassword
        user.session_token = renew_token(token)
