"""The rules of the account pages that are theirs alone."""

from sqlalchemy import update

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, transaction
from flaskcelery.errors import WrongPassword
from flaskcelery.users.models import User
from flaskcelery.users.names import make_username, refuse_taken
from flaskcelery.users.password_change import check_password, replace_password
from flaskcelery.users.passwords import hasher
from flaskcelery.users.sessions import renew_token


class WrongOldPassword(WrongPassword):
    message = "Your old password was entered incorrectly. Please enter it again."
    field = "old_password"


def change_username(user: User, username: str) -> None:
    """Rename the account; raise InvalidName or AccountTaken."""
    names = make_username(username)
    with refuse_taken(names, user.id), transaction():
        old = user.username
        db.session.execute(update(User).where(User.id == user.id).values(**names))
        record(Event.USERNAME_CHANGED, user.id, user.email, detail=f"was {old}")


def change_password(user: User, old_password: str, new_password: str) -> None:
    """Set the new password, end all other login sessions, and give this one, which `user` holds, a new token.

    Raises WrongOldPassword, also if the password was changed elsewhere in the meantime.
    """
    try:
        check_password(user, old_password)
    except WrongPassword:
        raise WrongOldPassword from None
    new_hash, token = hasher().hash(new_password), user.session_token or ""
    with transaction():
        if not replace_password(user, new_hash, Event.PASSWORD_CHANGED, keep=token):
            raise WrongOldPassword
        user.session_token = renew_token(token)
