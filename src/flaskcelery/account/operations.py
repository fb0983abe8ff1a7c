"""What the account pages show, export and change."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from typing import Any, TypeVar

from sqlalchemy import Select, select, update

from flaskcelery.audit.events import Event, record, select_events
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import db, pause, transaction
from flaskcelery.errors import WrongPassword
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.queries import is_job
from flaskcelery.outbox.tasks import title_of
from flaskcelery.users.accounts import ChangedMeanwhile, update_unchanged
from flaskcelery.users.devices import describe_device
from flaskcelery.users.exports import EXPORTS, exports, pick
from flaskcelery.users.models import User
from flaskcelery.users.names import make_username, refuse_taken
from flaskcelery.users.password_change import check_password, replace_password
from flaskcelery.users.passwords import hasher
from flaskcelery.users.sessions import confirm_session, find_sessions, is_current, select_sessions
from flaskcelery.web.rate_limits import count_member

R = TypeVar("R")
SHOWN_EMAILS = 20
EMAIL_STATES = {"pending": "waiting", "running": "waiting", "failed": "failed"}
EXPORTED_AT_ONCE = 500  # rows
ACCOUNT_COLUMNS = (
    "id", "username", "email", "email_confirmed_at", "pending_email", "previous_email", "email_changed_at",
    "left_email", "confirm_by", "password_changed_at", "joined_at", "last_login_at", "is_staff", "totp_enabled_at",
    "is_viewer", "devices_forgotten_at",
)  # fmt: skip
SESSION_COLUMNS = ("created_at", "last_seen_at", "confirmed_at", "expires_at", "is_remembered", "ip_address", "device")
EVENT_COLUMNS = ("at", "event", "email", "ip_address", "detail")


class WrongOldPassword(WrongPassword):
    message = "Your old password was entered incorrectly. Please enter it again."
    field = "old_password"


def change_username(user: User, username: str) -> None:
    """Rename the account; raise InvalidName or AccountTaken."""
    names = make_username(username)
    with refuse_taken(names, user.id), transaction():
        old = user.username
        db.session.execute(update(User).where(User.id == user.id).values(**names))
        record(Event.USERNAME_CHANGED, user.id, user.email, detail=f"was {old}")


def change_password(user: User, old_password: str, new_password: str) -> None:
    """Set the new password, end all other sessions and give this one a new token.

    Raises WrongOldPassword, or ChangedMeanwhile if this session has ended.
    """
    try:
        check_password(user, old_password)
    except WrongPassword:
        raise WrongOldPassword from None
    count_member("new_password", user.id)  # only now: a thief of the cookie does not use up the owner's changes
    new_hash = hasher().hash(new_password)
    with transaction():
        if not replace_password(user, new_hash, Event.PASSWORD_CHANGED, keep=user.session_token):
            raise WrongOldPassword  # changed elsewhere in the meantime
        if not confirm_session(user):
            raise ChangedMeanwhile
        # For `remember_device`: no other browser is known with the new password.
        user.password_changed_at = db.session.scalar(select(User.password_changed_at).where(User.id == user.id))


def change_two_factor(user: User, change: Callable[[], R]) -> R:
    """Make the change in a transaction and return what it returns; raise ChangedMeanwhile."""
    pause(user)
    with transaction():
        if not update_unchanged(user, ["password_hash"], password_hash=user.password_hash):
            raise ChangedMeanwhile
        return change()


def list_sessions(user: User) -> list[dict[str, Any]]:
    """Return each logged-in browser, this one first, as `session`, `device` in words, and `is_current`."""
    listed = [
        {"session": each, "device": describe_device(each.device), "is_current": is_current(each, user)}
        for each in find_sessions(user.id)
    ]
    return sorted(listed, key=lambda each: not each["is_current"])


def list_emails(user: User) -> list[dict[str, Any]]:
    """Return the latest emails to the user, newest first, each as `what`, `at` and `state`."""
    return [_describe_email(row) for row in db.session.scalars(select_emails(user.id).limit(SHOWN_EMAILS))]


def export_account(user: User) -> Iterator[str]:
    """Audit the export, and return the user's data, without hashes, as parts of a JSON text.

    The database is read while the parts are taken, so that the whole is never in memory.
    """
    with transaction():
        record(Event.DATA_EXPORTED, user.id, user.email)
    return _write_json(user)


def _write_json(user: User) -> Iterator[str]:
    yield '{"account": ' + _to_json(pick(user, ACCOUNT_COLUMNS))
    for name, export in EXPORTS.items():
        yield f',\n"{name}": ['
        separator = "\n"
        query = export.select(user.id).execution_options(yield_per=EXPORTED_AT_ONCE)
        for rows in db.session.scalars(query).partitions():
            yield separator + ",\n".join(_to_json(export.describe(row)) for row in rows)
            separator = ",\n"
        yield "]"
    yield "}\n"


def _describe_event(event: AuditEvent) -> dict[str, Any]:
    """Return what is told of an event, without the IP address of staff who caused it."""
    return pick(event, EVENT_COLUMNS) | ({"ip_address": ""} if event.actor_id else {})


def _describe_email(row: OutboxRow) -> dict[str, Any]:
    state = EMAIL_STATES.get(row.state, "nothing to send" if row.sent_nothing else "sent")
    return {"what": title_of(row.task), "at": row.created_at, "state": state}


def _describe_job(row: OutboxRow) -> dict[str, Any]:
    return {"what": title_of(row.task), "at": row.created_at, "state": row.state}


def _to_json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=_to_text)


def _to_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | time) else str(value)


exports("sessions", SESSION_COLUMNS)(select_sessions)
exports("events", describe=_describe_event)(select_events)


@exports("emails", describe=_describe_email)
def select_emails(user_id: int) -> Select[OutboxRow]:
    return OutboxRow.of(user_id).where(~is_job())


@exports("jobs", describe=_describe_job)
def select_jobs(user_id: int) -> Select[OutboxRow]:
    return OutboxRow.of(user_id).where(is_job())
