"""The names of an account, new or changed: one rule, whoever asks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flaskcelery.database import db
from flaskcelery.errors import UserFacingError
from flaskcelery.users.models import User
from flaskcelery.users.names import (
    EmailTaken,
    UsernameTaken,
    email_key,
    normalize_email,
    normalize_username,
    username_key,
)

NO_PASSWORD = "!"  # noqa: S105  fits nothing, as in Django


class AccountTaken(UserFacingError):
    """Another account has this username or address."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(errors)
        self.errors = errors  # a sentence for each field


def make_names(username: str, email: str) -> dict[str, str]:
    """Return the columns of a username and an address; raise InvalidName or InvalidEmail."""
    name, address = normalize_username(username), normalize_email(email)
    return {"username": name, "username_key": username_key(name), "email": address, "email_key": email_key(address)}


@contextmanager
def refuse_taken(names: Mapping[str, str], user_id: int | None = None) -> Iterator[None]:
    """Run a transaction that writes these names; if the database finds them taken, raise AccountTaken."""
    try:
        yield
    except IntegrityError as error:
        errors = _find_taken(names, user_id)
        if not errors:
            raise
        raise AccountTaken(errors) from error


def _find_taken(names: Mapping[str, str], user_id: int | None) -> dict[str, str]:
    """Return a sentence for each of the two that another account has, by field."""
    conditions = {
        "username": (User.username_key == names["username_key"], UsernameTaken()),
        "email": (User.email_key == names["email_key"], EmailTaken()),
    }
    return {
        field: str(error)
        for field, (is_same, error) in conditions.items()
        if db.session.scalar(select(User.id).where(is_same, User.id.is_distinct_from(user_id)))
    }
