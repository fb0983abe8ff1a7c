"""Who gets an email: accounts that are open, at an email that is theirs."""

from typing import Any

from flaskcelery.database import db
from flaskcelery.mail.message import Message, compose
from flaskcelery.users.models import User


def find_open(user_id: int | None) -> User | None:
    """Return the account unless it is gone or closed."""
    user = db.session.get(User, user_id) if user_id else None
    return user if user and user.closed_at is None else None


def compose_for(user_id: int, template: str, **context: Any) -> Message | None:
    """Compose an email to a user, or return None if the account is closed or its email is not confirmed.

    An email that is not confirmed can be a stranger's.
    """
    user = find_open(user_id)
    if user is None or user.email_confirmed_at is None:
        return None
    return compose(template, user.email, greeting=f"Hi {user.username},", user=user, **context)
