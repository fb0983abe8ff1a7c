"""The mail with the link that resets a password."""

from datetime import UTC, datetime, timedelta

from flaskcelery.database import db
from flaskcelery.mail import Message, compose
from flaskcelery.outbox.tasks import task
from flaskcelery.users.models import User
from flaskcelery.users.passwords import is_usable
from flaskcelery.users.tokens import Purpose, make_token, read_clock
from flaskcelery.web import public_link

RESET_LINK_LIVES = timedelta(hours=1)


@task("send_password_reset_email", "Password reset")
def send_password_reset_email(user_id: int | None, made_at: int) -> Message | None:
    """Send the link that was asked for at `made_at`, in seconds since 1970: the same one at each attempt.

    To the address that the account has, whatever was typed; to nobody where no link could help.
    """
    user = db.session.get(User, user_id) if user_id else None
    moment = datetime.fromtimestamp(made_at, UTC)
    if user is None or not user.is_active or not is_usable(user.password_hash):
        return None
    if read_clock() > moment + RESET_LINK_LIVES:
        return None
    token = make_token(Purpose.RESET_PASSWORD, user, moment)
    link = public_link("auth.show_reset_link", user_id=user.id, token=token)
    return compose("auth/email/password_reset", to=user.email, email=user.email, link=link)
