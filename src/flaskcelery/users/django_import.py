"""Accounts from `manage.py dumpdata` of a Django application: its own user model or `auth.user`."""

import json
from datetime import UTC, datetime
from typing import IO, Any, TypeVar

from sqlalchemy import select

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db
from flaskcelery.errors import UserFacingError
from flaskcelery.users.models import NO_PASSWORD, User
from flaskcelery.users.names import AccountTaken, is_taken, make_names, refuse_taken

MODELS = ("accounts.customuser", "auth.user")
HASH_MAX_LENGTH = 255
T = TypeVar("T")


class BadDump(UserFacingError):
    message = "This is not a JSON list as `manage.py dumpdata` writes it."


class BadEntry(UserFacingError):
    message = "This entry cannot be imported."


class AlreadyThere(UserFacingError):
    message = "already there"


class PossibleStranger(UserFacingError):
    message = (
        "An account that was opened here has this username and email, but nobody has confirmed the email. It could be a"
        " stranger's. Delete it and import again, or let its owner confirm the email."
    )


def read_dump(file: IO[bytes]) -> list[dict[str, Any]]:
    """Return the user entries of a dump; raise BadDump."""
    try:
        entries = json.load(file)
    except (ValueError, RecursionError) as error:
        raise BadDump(f"{BadDump.message} {error}" if isinstance(error, json.JSONDecodeError) else "") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadDump
    return [entry for entry in entries if str(entry.get("model")).lower() in MODELS]


def add_user(entry: dict[str, Any]) -> User:
    """Add an entry's account in the caller's transaction, which goes on after the UserFacingError of a bad entry."""
    user = _read_user(_fields(entry))
    names = {"username_key": user.username_key, "email_key": user.email_key}
    if is_taken("username_skeleton", {"username_skeleton": user.username_skeleton}):
        user.username_skeleton = None  # an account that exists elsewhere keeps its name
    try:
        with refuse_taken(names), db.session.begin_nested():
            db.session.add(user)
    except AccountTaken:
        found = db.session.scalar(select(User).filter_by(**names))
        if found is None:
            raise
        # An earlier import of this entry left its date or its hash, which nobody who signs up here can choose.
        is_imported = found.joined_at == user.joined_at or found.password_hash == user.password_hash
        raise (AlreadyThere if is_imported or found.email_confirmed_at else PossibleStranger) from None
    record(Event.IMPORTED, user.id, user.email)
    return user


def name_of(entry: dict[str, Any]) -> str:
    """Return the name by which an operator finds the entry, in printable characters."""
    text = str(_fields(entry).get("username") or f"number {entry.get('pk')}")
    return "".join(character if character.isprintable() else "?" for character in text)[:150]


def _fields(entry: dict[str, Any]) -> dict[str, Any]:
    fields = entry.get("fields")
    return fields if isinstance(fields, dict) else {}


def _read_user(fields: dict[str, Any]) -> User:
    names = make_names(_get(fields, "username", ""), _get(fields, "email", ""))
    password_hash = _get(fields, "password", "") or NO_PASSWORD
    if len(password_hash) > HASH_MAX_LENGTH or not (password_hash.isascii() and password_hash.isprintable()):
        raise BadEntry("its password is not a hash")
    joined_at = _moment(fields, "date_joined")
    return User(
        **names,
        password_hash=password_hash,
        is_active=_get(fields, "is_active", True),
        is_staff=_get(fields, "is_staff", False) or _get(fields, "is_superuser", False),
        last_login_at=_moment(fields, "last_login"),
        **({"joined_at": joined_at} if joined_at else {}),
    )


def _get(fields: dict[str, Any], name: str, default: T) -> T:
    """Return a field, which has to be of the type of its default; raise BadEntry."""
    value = fields.get(name, default)
    if not isinstance(value, type(default)):
        raise BadEntry(f"its {name} is {'not text' if default == '' else 'neither true nor false'}")
    return value


def _moment(fields: dict[str, Any], name: str) -> datetime | None:
    """Return a time as Django writes it; without a time zone it is taken as UTC."""
    if fields.get(name) is None:
        return None
    try:
        moment = datetime.fromisoformat(_get(fields, name, ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadEntry(f"its {name} is not a date") from None
