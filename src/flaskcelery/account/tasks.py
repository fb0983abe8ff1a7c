"""Mails about what its owner does with an account."""

from flaskcelery.database import db
from flaskcelery.mail.message import Message, compose
from flaskcelery.outbox.tasks import task
from flaskcelery.users.links import change_link
from flaskcelery.users.models import User


@task("send_change_email", "Confirm your new address")
def send_change_email(user_id: int, made_at: int) -> Message | None:
    """Mail the link that makes the change to the new address."""
    user = db.session.get(User, user_id)
    if user is None or user.closed_at or user.pending_email is None:
        return None
    link = change_link(user, made_at)
    return compose("account/email/change", to=user.pending_email, username=user.username, link=link)


@task("send_change_notice", "A change of your address was asked for")
def send_change_notice(user_id: int) -> Message | None:
    """Warn the present address; after the change another mail goes there, with a link that undoes it."""
    user = db.session.get(User, user_id)
    if user is None or user.closed_at or user.pending_email is None:
        return None
    return compose("account/email/asked", to=user.email, username=user.username)


@task("send_farewell_email", "Your account is deleted")
def send_farewell_email(user_id: int) -> Message | None:
    """Confirm that an account is closed; its row, and so its address, is erased when this mail is settled."""
    user = db.session.get(User, user_id)
    if user is None or user.closed_at is None:
        return None
    return compose("account/email/farewell", to=user.email, username=user.username)
