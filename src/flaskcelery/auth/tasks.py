"""The mail with the link that resets a password."""

from flaskcelery.database import db
from flaskcelery.mail.message import Message, compose
from flaskcelery.outbox.tasks import task
from flaskcelery.users.links import password_link
from flaskcelery.users.models import User
from flaskcelery.users.passwords import is_usable


@task("send_password_reset_email", "Password reset")
def send_password_reset_email(user_id: int | None, made_at: int) -> Message | None:
    """Send the link that was asked for at `made_at`, in seconds since 1970: the same one at each attempt.

    To the address that the account has, whatever was typed; to nobody where no link could help.
    """
    user = db.session.get(User, user_id) if user_id else None
    if user is None or not user.is_active or not is_usable(user.password_hash):
        return None
    link = password_link(user, made_at)
    return compose("auth/email/password_reset", to=user.email, email=user.email, link=link) if link else None
