"""Sample users for the emails that `/dev/emails/` shows. They live in a transaction that is rolled back."""

import re
import uuid
from typing import Any

from sqlalchemy import Column, inspect
from sqlalchemy.exc import IntegrityError

from flaskcelery.audit.events import Event
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import Base, db, now_plus
from flaskcelery.outbox.tasks import Sample
from flaskcelery.users.models import Owned, User
from flaskcelery.users.tokens import timestamp


def add_user(**columns: Any) -> User:
    """Add alice with a confirmed email to the open transaction; `columns` make her different."""
    defaults = {
        "username": "alice",
        "username_key": uuid.uuid4().hex,  # another alice can be in the database already
        "email": "alice@example.com",
        "email_key": uuid.uuid4().hex,
        "email_confirmed_at": now_plus(),
        "password_hash": "a sample",
    }
    user = User(**{**defaults, **columns})
    db.session.add(user)
    db.session.flush()
    return user


def sample_user(**columns: Any) -> Sample:
    """Return a sample for a task with the argument `user_id`."""
    return lambda: {"user_id": add_user(**columns).id}


def sample_row(model: type[Owned], **columns: Any) -> Sample:
    """Return a sample for a task about a row, with the arguments `user_id` and, for a BookLoan, `book_loan_id`.

    A function among the columns makes the row that the column refers to: `book_id=lambda: Book(title="Emma")`.
    """

    def add() -> dict[str, Any]:
        user_id = add_user().id
        values = {name: _add(each(), user_id) if callable(each) else each for name, each in columns.items()}
        name = re.sub("(?<!^)(?=[A-Z])", "_", model.__name__).lower()
        return {"user_id": user_id, f"{name}_id": _add(model(**values), user_id)}

    return add


def _add(row: Base, user_id: int) -> Any:
    if isinstance(row, Owned):
        row.user_id = user_id
    db.session.add(row)
    try:
        db.session.flush()
    except IntegrityError as error:
        if missing := _find_missing(row):
            raise ValueError(f"The sample of {type(row).__name__} needs a value for {missing}.") from error
        raise
    [key] = inspect(row).mapper.primary_key_from_instance(row)
    return key


def _find_missing(row: Base) -> str:
    """Return the names of the columns that need a value and have none."""
    columns = [(name, each) for name, each in inspect(type(row)).columns.items() if getattr(row, name) is None]
    return " and ".join(name for name, each in columns if not (each.nullable or each.primary_key or _fills_in(each)))


def _fills_in(column: Column[Any]) -> bool:
    return column.default is not None or column.server_default is not None


def sample_link(**columns: Any) -> Sample:
    """Return a sample for a task with the arguments `user_id` and `made_at`."""
    return lambda: {"user_id": add_user(**columns).id, "made_at": timestamp()}


def sample_event(event: str) -> dict[str, Any]:
    """Return arguments for a notice about this event."""
    return {**sample_link()(), "event": event}


def sample_login(detail: str) -> Sample:
    """Return a sample for a task about a login."""

    def add() -> dict[str, Any]:
        user = add_user()
        login = AuditEvent(event=Event.LOG_IN, user_id=user.id, email="", ip_address="", request_id="", detail=detail)
        db.session.add(login)
        db.session.flush()
        return {"user_id": user.id, "event_id": login.id}

    return add


def sample_taken_email() -> dict[str, Any]:
    """Return arguments for the request of a user who wants an email that another account has."""
    email = f"{uuid.uuid4().hex}@example.com"
    add_user(email_key=email)
    return sample_link(pending_email=email)()
