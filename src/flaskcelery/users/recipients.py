"""Who gets an email: accounts that are open, at an email that is theirs."""

import logging
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, select

from flaskcelery.database import read_one
from flaskcelery.mail.message import Message, compose
from flaskcelery.users.models import User

logger = logging.getLogger(__name__)
BY_ID = select(User).where(User.id == bindparam("user_id"))


def find_open(user_id: int | None) -> User | None:
    """Return the account unless it is gone or closed."""
    found = read_one(BY_ID, user_id=user_id)
    return found[0] if found and found[0].closed_at is None else None


def gets_emails() -> ColumnElement[bool]:
    """Select the users for whom `compose_for` makes an email."""
    return and_(User.closed_at.is_(None), User.email_confirmed_at.is_not(None))


def compose_for(user_id: int, template: str, **context: Any) -> Message | None:
    """Compose an email to a user, or return None if the account is closed or its email is not confirmed.

    An email that is not confirmed can be a stranger's.
    """
    user = find_open(user_id)
    if user is None or user.email_confirmed_at is None:
        logger.info("User %s gets no email: the account is closed, or its email is not confirmed", user_id)
        return None
    return compose(template, user.email, greeting=f"Hi {user.username},", user=user, **context)
