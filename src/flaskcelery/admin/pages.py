"""The pages of the admin. Add your own here."""

import json

from sqlalchemy import ColumnElement, and_, not_, or_

from flaskcelery.admin import operations as staff
from flaskcelery.admin.registry import Page, action
from flaskcelery.admin.user_actions import ROLE_NAMES, USER_ACTIONS
from flaskcelery.audit.events import Event, find_events
from flaskcelery.audit.models import AuditEvent
from flaskcelery.outbox import queries as outbox
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.tasks import title_of
from flaskcelery.users.devices import describe_device
from flaskcelery.users.models import LoginSession, User
from flaskcelery.users.sessions import is_live, log_out_devices

HISTORY_LENGTH = 10

# The conditions of User.state and User.role.
USER_STATES = {
    "active": and_(User.is_active, User.email_confirmed_at.is_not(None)),
    "unconfirmed": and_(User.is_active, User.email_confirmed_at.is_(None)),
    "locked out": and_(not_(User.is_active), User.closed_at.is_(None)),
    "closed": User.closed_at.is_not(None),
}
ROLES = {
    "staff": User.is_staff.is_(True),
    "read-only": User.is_viewer.is_(True),
    "user": not_(or_(User.is_staff, User.is_viewer)),
}

USERS = Page(
    name="users",
    title="Users",
    model=User,
    columns=("email", "state", "role", "username", "joined_at"),
    sortable=("joined_at", "email", "username", "last_login_at"),
    searchable=("email_key", "username_key", "id"),
    filters={"state": USER_STATES, "role": ROLES},
    formatters={"role": ROLE_NAMES.__getitem__},
    tags={
        "state": {"active": "good", "unconfirmed": "warn", "locked out": "bad", "closed": ""},
        "role": {"staff": "", "read-only": ""},
    },
    hidden=(
        "totp_secret",
        "totp_last_step",
        "password_hash",
        "undo_password_hash",
        "username_key",
        "username_skeleton",
        "email_key",
        "is_active",  # the state tells it, and the role the next two
        "is_staff",
        "is_viewer",
    ),
    history=lambda user: find_events(user.id, HISTORY_LENGTH),
    actions=USER_ACTIONS,
)


@action("Retry", is_available=lambda row: row.failed_at is not None)
def retry(actor: User, row: OutboxRow) -> str:
    staff.retry_row(row.id, actor.id)
    return "The email will be retried."


@action("Retry", is_available=lambda row: row.failed_at is not None)
def retry_job(actor: User, row: OutboxRow) -> str:
    staff.retry_row(row.id, actor.id)
    return "The job will be retried."


def is_email() -> ColumnElement[bool]:
    return ~outbox.is_job()


def count_failed(_row: None = None) -> int:
    return outbox.count_states("failed")["failed"]


def warn_of_retry(_row: None) -> list[str]:
    return [
        f"Failed emails that will be retried: {count_failed()}.",
        "Their recipients get them now, however old they are.",
    ]


@action("Retry all failed emails", bulk=True, is_available=count_failed, confirm=warn_of_retry)
def retry_all(actor: User) -> str:
    return f"Emails that will be retried: {staff.retry_failed(is_email(), actor_id=actor.id)}."


def name_state(state: str) -> str:
    return {"done": "sent", "running": "pending"}.get(state, state)


def name_absent(user_id: int | None) -> int | str:
    return user_id or "no account"


EMAILS = Page(
    name="emails",
    title="Emails",
    model=OutboxRow,
    columns=("task", "state", "user_id", "created_at", "error"),
    sortable=("created_at",),
    searchable=("id", "user_id"),
    filters={"state": {name_state(name): where for name, where in outbox.states().items() if name != "running"}},
    formatters={"task": title_of, "args": json.dumps, "state": name_state, "user_id": name_absent},
    tags={"state": {"sent": "good", "pending": "warn", "failed": "bad"}},
    links={"user_id": USERS},
    actions=(retry, retry_all),
    hidden=("progress", "traceparent"),
    where=is_email,
)

JOBS = Page(
    name="jobs",
    title="Jobs",
    model=OutboxRow,
    columns=("task", "state", "progress", "user_id", "created_at", "error"),
    sortable=("created_at",),
    searchable=("id", "user_id"),
    filters={"state": outbox.states()},
    formatters={"task": title_of, "args": json.dumps, "user_id": name_absent},
    tags={"state": {"done": "good", "running": "warn", "pending": "warn", "failed": "bad"}},
    links={"user_id": USERS},
    actions=(retry_job,),
    hidden=("domain", "sent_nothing", "traceparent"),
    where=outbox.is_job,
)


@action("End this session", danger=True, note="The device is logged out.")
def end(actor: User, session: LoginSession) -> str:
    log_out_devices(session.user_id, only=session.id, actor_id=actor.id)
    return "The session has ended."


SESSIONS = Page(
    name="sessions",
    title="Sessions",
    model=LoginSession,
    columns=("device", "user_id", "ip_address", "last_seen_at", "expires_at"),
    sortable=("last_seen_at", "expires_at"),
    searchable=("user_id", "ip_address", "device"),
    filters={"still_logged_in": {"yes": is_live(), "no": not_(is_live())}},
    hidden=("token_hash",),
    formatters={"device": describe_device},
    links={"user_id": USERS},
    actions=(end,),
)

AUDIT = Page(
    name="audit",
    title="Audit trail",
    nouns=("event", "events"),
    model=AuditEvent,
    columns=("event", "user_id", "actor_id", "ip_address", "detail", "at"),
    sortable=("at",),
    searchable=("user_id", "ip_address"),
    filters={"event": {event.value: AuditEvent.event == event for event in Event}},
    formatters={"user_id": name_absent},
    links={"user_id": USERS, "actor_id": USERS},
    stand_ins={"user_id": "email", "actor_id": "actor_name"},
)

PAGES = {page.name: page for page in (USERS, EMAILS, JOBS, SESSIONS, AUDIT)}
