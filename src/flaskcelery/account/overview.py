"""What the account page and the data export show about an account."""

from datetime import datetime
from typing import Any

from flaskcelery.audit.events import Event, find_events, record
from flaskcelery.database import transaction
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.queries import find_rows_of
from flaskcelery.outbox.tasks import TASKS
from flaskcelery.users.devices import describe_device
from flaskcelery.users.models import User
from flaskcelery.users.sessions import find_sessions, is_current

SHOWN_EMAILS = 20
ACCOUNT_COLUMNS = (
    "id",
    "username",
    "email",
    "email_confirmed_at",
    "pending_email",
    "previous_email",
    "email_changed_at",
    "joined_at",
    "last_login_at",
    "is_staff",
)
SESSION_COLUMNS = ("created_at", "last_seen_at", "expires_at", "is_remembered", "ip_address", "device")
EVENT_COLUMNS = ("at", "event", "email", "ip_address", "detail")


def list_sessions(user: User) -> list[dict[str, Any]]:
    """Return each logged-in browser, this one first, as `session`, `device` in words, and `is_current`."""
    listed = [
        {"session": each, "device": describe_device(each.device), "is_current": is_current(each, user)}
        for each in find_sessions(user.id)
    ]
    return sorted(listed, key=lambda each: not each["is_current"])


def list_emails(user: User, limit: int | None = SHOWN_EMAILS) -> list[dict[str, Any]]:
    """Return the emails to the user, newest first, each as `what`, `at` and `state`."""
    return [_describe_email(row) for row in find_rows_of(user.id, limit)]


def export_account(user: User) -> dict[str, Any]:
    """Return the user's data, without hashes, as JSON-ready values, and audit the export."""
    exported = {
        "account": _pick(user, ACCOUNT_COLUMNS),
        "sessions": [_pick(each, SESSION_COLUMNS) for each in find_sessions(user.id)],
        "events": [_pick(each, EVENT_COLUMNS) for each in find_events(user.id)],
        "emails": [{key: _plain(value) for key, value in email.items()} for email in list_emails(user, limit=None)],
    }
    with transaction():
        record(Event.DATA_EXPORTED, user.id, user.email)
    return exported


def _describe_email(row: OutboxRow) -> dict[str, Any]:
    state = "sent" if row.done_at else "failed" if row.failed_at else "on its way"
    return {"what": TASKS[row.task].title if row.task in TASKS else row.task, "at": row.created_at, "state": state}


def _pick(row: object, columns: tuple[str, ...]) -> dict[str, Any]:
    return {column: _plain(getattr(row, column)) for column in columns}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
