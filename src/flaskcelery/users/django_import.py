"""Accounts from `manage.py dumpdata` of a Django application: its own user model or `auth.user`."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import IO, Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.users.accounts import NO_PASSWORD, make_names
from flaskcelery.users.models import User
from flaskcelery.users.names import EmailTaken, UsernameTaken

MODELS = ("accounts.customuser", "auth.user")
BATCH = 200  # accounts in one transaction
HASH_MAX_LENGTH = 255

Welcome = Callable[[int], object]


class BadDump(UserFacingError):
    """This is no JSON list as `manage.py dumpdata` writes it{0}."""


class BadEntry(UserFacingError):
    """{0}"""


class AlreadyThere(UserFacingError):
    """already there"""


def read_dump(file: IO[bytes]) -> list[dict[str, Any]]:
    """Return the user entries of a dump; raise BadDump."""
    try:
        entries = json.load(file)
    except (ValueError, RecursionError) as error:
        raise BadDump(f": {error}" if isinstance(error, json.JSONDecodeError) else "") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadDump("")
    return [entry for entry in entries if str(entry.get("model")).lower() in MODELS]


def import_users(
    entries: Sequence[dict[str, Any]], welcome: Welcome | None
) -> Iterator[tuple[str, UserFacingError | None]]:
    """Add the accounts; yield each one's name and, unless it was added, the reason. A transaction is a batch."""
    for batch in _batches(entries):
        results = []
        with transaction():
            for entry in batch:
                fields = entry.get("fields")
                fields = fields if isinstance(fields, dict) else {}
                results.append((_name(entry, fields), _add(fields, welcome)))
        yield from results


def _add(fields: dict[str, Any], welcome: Welcome | None) -> UserFacingError | None:
    try:
        user = _read_user(fields)
        _refuse_taken(user)
        with db.session.begin_nested():
            db.session.add(user)
    except UserFacingError as error:
        return error
    except IntegrityError:  # between the look and the write somebody signed up
        return BadEntry("its username or address has just been taken")
    record(Event.IMPORTED, user.id, user.email)
    if welcome:
        welcome(user.id)
    return None


def _refuse_taken(user: User) -> None:
    same_name, same_email = User.username_key == user.username_key, User.email_key == user.email_key
    found = db.session.scalars(select(User).where(or_(same_name, same_email))).all()
    for other in found:
        if (other.username_key, other.email_key) == (user.username_key, user.email_key):
            raise AlreadyThere
        raise UsernameTaken if other.username_key == user.username_key else EmailTaken


def _read_user(fields: dict[str, Any]) -> User:
    names = make_names(_text(fields, "username"), _text(fields, "email"))
    password_hash = _text(fields, "password") or NO_PASSWORD
    if len(password_hash) > HASH_MAX_LENGTH or not (password_hash.isascii() and password_hash.isprintable()):
        raise BadEntry("its password is no hash")
    joined_at = _moment(fields, "date_joined")
    return User(
        **names,
        password_hash=password_hash,
        is_active=_flag(fields, "is_active", default=True),
        is_staff=_flag(fields, "is_staff") or _flag(fields, "is_superuser"),
        last_login_at=_moment(fields, "last_login"),
        **({"joined_at": joined_at} if joined_at else {}),
    )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise BadEntry(f"its {name} is no text")
    return value


def _flag(fields: dict[str, Any], name: str, default: bool = False) -> bool:
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise BadEntry(f"its {name} is neither true nor false")
    return value


def _moment(fields: dict[str, Any], name: str) -> datetime | None:
    """Return a moment of Django's; one without a zone is UTC, as Django's USE_TZ=False has it by custom."""
    if fields.get(name) is None:
        return None
    try:
        moment = datetime.fromisoformat(_text(fields, name))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadEntry(f"its {name} is no date") from None


def _name(entry: dict[str, Any], fields: dict[str, Any]) -> str:
    """Return what an operator finds the entry by, printable."""
    text = str(fields.get("username") or f"number {entry.get('pk')}")
    return "".join(character if character.isprintable() else "?" for character in text)[:150]


def _batches(entries: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for start in range(0, len(entries), BATCH):
        yield entries[start : start + BATCH]
