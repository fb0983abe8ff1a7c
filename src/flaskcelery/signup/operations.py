"""The rule of signing up."""

from __future__ import annotations

import logging

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from flaskcelery.database import db, transaction
from flaskcelery.logs import mask
from flaskcelery.signup.tasks import send_welcome_email
from flaskcelery.users.models import User
from flaskcelery.users.names import email_key, normalize_email, normalize_username, username_key
from flaskcelery.users.passwords import hash_password

logger = logging.getLogger(__name__)

EMAIL_TAKEN = "User with this Email already exists."
USERNAME_TAKEN = "A user with that username already exists."


class AccountTaken(Exception):
    """Another account has this name or address; `errors` maps each field to its sentence."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(errors)
        self.errors = errors


def register(username: str, email: str, password: str) -> User:
    """Create the account and owe its welcome mail, in one transaction.

    Raises InvalidName, InvalidEmail, or AccountTaken; the database alone decides what is taken.
    """
    username, email = normalize_username(username), normalize_email(email)
    user = User(
        username=username,
        username_key=username_key(username),
        email=email,
        email_key=email_key(email),
        password_hash=hash_password(password),
    )
    try:
        with transaction():
            db.session.add(user)
            db.session.flush()
            send_welcome_email.owe(user_id=user.id)
    except IntegrityError as error:
        errors = find_taken(username, email)
        if not errors:
            raise
        raise AccountTaken(errors) from error
    logger.info("User %s successfully registered as %s.", user.id, mask(email))
    return user


def find_taken(username: str, email: str) -> dict[str, str]:
    """Return a sentence for each of the two that belongs to an account already, by field."""
    wanted_name, wanted_email = username_key(username), email_key(email)
    found = db.session.execute(
        select(User.username_key, User.email_key).where(
            or_(User.username_key == wanted_name, User.email_key == wanted_email)
        )
    ).all()
    errors = {}
    if any(row.username_key == wanted_name for row in found):
        errors["username"] = USERNAME_TAKEN
    if any(row.email_key == wanted_email for row in found):
        errors["email"] = EMAIL_TAKEN
    return errors
