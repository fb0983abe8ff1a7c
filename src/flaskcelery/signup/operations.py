"""The rule of signing up."""

from flask import current_app

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, now_plus, transaction
from flaskcelery.retention import DAY
from flaskcelery.signup.tasks import send_welcome_email
from flaskcelery.users.models import User
from flaskcelery.users.names import make_names, refuse_taken
from flaskcelery.users.passwords import hasher


def register(username: str, email: str, password: str) -> User:
    """Create the account with its pending welcome email; raise InvalidName, InvalidEmail or AccountTaken."""
    names = make_names(username, email)
    days = current_app.config["UNCONFIRMED_KEEP_DAYS"]
    confirm_by = now_plus(days * DAY) if days else None
    user = User(**names, password_hash=hasher().hash(password), confirm_by=confirm_by)
    with refuse_taken(names), transaction():
        db.session.add(user)
        db.session.flush()
        send_welcome_email.enqueue(to=user.email, user_id=user.id)
        record(Event.SIGN_UP, user.id, user.email)
    return user
