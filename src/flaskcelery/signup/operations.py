"""The rule of signing up."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flaskcelery.audit.operations import Event, record
from flaskcelery.database import db, transaction
from flaskcelery.signup.tasks import send_welcome_email
from flaskcelery.users.models import User
from flaskcelery.users.names import (
    EmailTaken,
    UsernameTaken,
    email_key,
    normalize_email,
    normalize_username,
    username_key,
)
from flaskcelery.users.passwords import hash_password


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
            record(Event.SIGN_UP, user.id, user.email)
    except IntegrityError as error:
        errors = find_taken(username, email)
        if not errors:
            raise
        raise AccountTaken(errors) from error
    return user


def find_taken(username: str, email: str) -> dict[str, str]:
    """Return a sentence for each of the two that belongs to an account already, by field."""
    conditions = {
        "username": (User.username_key == username_key(username), UsernameTaken()),
        "email": (User.email_key == email_key(email), EmailTaken()),
    }
    return {
        field: str(refusal)
        for field, (is_same, refusal) in conditions.items()
        if db.session.scalar(select(User.id).where(is_same))
    }
