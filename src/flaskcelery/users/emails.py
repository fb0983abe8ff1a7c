"""Mails about an account's password."""

from flaskcelery.database import db
from flaskcelery.mail.message import Message, compose
from flaskcelery.outbox.tasks import task
from flaskcelery.users.links import password_link
from flaskcelery.users.models import User
from flaskcelery.users.passwords import is_usable
from flaskcelery.web.security import public_url


@task("send_password_changed_email", "Password changed")
def send_password_changed_email(user_id: int) -> Message | None:
    """Tell an account's owner, who may not have done it, that there is a new password."""
    user = db.session.get(User, user_id)
    if user is None:
        return None
    link = public_url("auth.show_reset")
    return compose("email/password_changed", to=user.email, username=user.username, link=link)


@task("send_invitation_email", "Choose your password")
def send_invitation_email(user_id: int, made_at: int) -> Message | None:
    """Ask the owner of an account that others opened, at `made_at` (Unix time), to choose its password."""
    user = db.session.get(User, user_id)
    if user is None or not user.is_active or is_usable(user.password_hash):
        return None
    link = password_link(user, made_at)
    return (
        compose("email/invitation", to=user.email, username=user.username, email=user.email, link=link)
        if link
        else None
    )
