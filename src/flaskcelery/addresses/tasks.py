"""Mails about the address itself."""

from flaskcelery.database import db
from flaskcelery.mail.message import Message, compose
from flaskcelery.outbox.tasks import task
from flaskcelery.users.links import confirmation_link, undo_link
from flaskcelery.users.models import User


@task("send_confirmation_email", "Confirm your address")
def send_confirmation_email(user_id: int | None, made_at: int) -> Message | None:
    """Mail a fresh confirmation link, unless there is nobody to whom it is of use."""
    user = db.session.get(User, user_id) if user_id else None
    if user is None or user.closed_at or user.email_confirmed_at:
        return None
    link = confirmation_link(user, made_at)
    return compose("addresses/email/confirm", to=user.email, username=user.username, link=link)


@task("send_email_changed_notice", "Your address was changed")
def send_email_changed_notice(user_id: int) -> Message | None:
    """Tell the previous address of the change, with the link that undoes it."""
    user = db.session.get(User, user_id)
    if user is None or user.closed_at or user.previous_email is None:
        return None
    to, link = user.previous_email, undo_link(user)
    return compose("addresses/email/changed", to=to, username=user.username, link=link)
