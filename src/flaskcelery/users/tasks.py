"""The mail that tells of a new password."""

from flaskcelery.database import db
from flaskcelery.mail import Message, compose
from flaskcelery.outbox.tasks import task
from flaskcelery.users.models import User
from flaskcelery.web import public_link


@task("send_password_changed_email", "Password changed")
def send_password_changed_email(user_id: int) -> Message | None:
    """Tell an account's owner, who may not have done it, that there is a new password."""
    user = db.session.get(User, user_id)
    if user is None:
        return None
    link = public_link("auth.show_reset")
    return compose("email/password_changed", to=user.email, username=user.username, link=link)
