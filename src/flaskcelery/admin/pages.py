"""Every admin page, declared. A page of your own goes here, too."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import func, not_, select

from flaskcelery.admin import operations as staff
from flaskcelery.admin.forms import NamesForm
from flaskcelery.admin.registry import Action, Page
from flaskcelery.audit.events import Event
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import db
from flaskcelery.outbox import queries as outbox
from flaskcelery.outbox.models import OutboxRow, is_pending
from flaskcelery.outbox.tasks import TASKS
from flaskcelery.users.accounts import ROLES
from flaskcelery.users.deletion import delete_user
from flaskcelery.users.devices import describe_device
from flaskcelery.users.models import LoginSession, User
from flaskcelery.users.sessions import is_live, log_out_devices

HISTORY_LENGTH = 50


def find_history(user: User) -> Sequence[AuditEvent]:
    """Return the last events of an account."""
    mine = select(AuditEvent).where(AuditEvent.user_id == user.id)
    return db.session.scalars(mine.order_by(AuditEvent.id.desc()).limit(HISTORY_LENGTH)).all()


def on_user(operation: Callable[..., object], sentence: str) -> Any:
    """Return the act that calls an operation of staff's; {0} in its sentence is the address, {1} what came of it."""

    def run(actor: User, user: User, _form: None) -> str:
        return sentence.format(user.email, operation(user.id, actor_id=actor.id))

    return run


lock_out = on_user(partial(staff.set_active, is_active=False), "{0} is locked out.")
let_in = on_user(partial(staff.set_active, is_active=True), "{0} may log in again.")
make = {role: on_user(partial(staff.set_role, role=role), f"{{0}} is now: {role}.") for role in ROLES}
send_reset = on_user(staff.send_password_link, "A mail with a link to choose a password is on its way to {0}.")
end_user_sessions = on_user(log_out_devices, "{1} sessions of {0} have ended.")
delete = on_user(delete_user, "{0} was deleted.")


def add(actor: User, _row: None, form: Any) -> str:
    """Open an account; its owner chooses the password."""
    user = staff.create_user(form.username.data, form.email.data, actor_id=actor.id)
    return f"{user.email} was added; a mail with a link to choose a password is on its way."


def change(actor: User, user: User, form: Any) -> str:
    """Give an account other names."""
    staff.change_user(user.id, form.username.data, form.email.data, actor.id)
    return f"{form.email.data} is saved."


def list_what_goes(user: User) -> list[str]:
    """Return what is deleted with an account."""
    count = {
        "login sessions end": select(func.count()).where(LoginSession.user_id == user.id),
        "owed mails are not sent": select(func.count()).where(OutboxRow.user_id == user.id, is_pending()),
        "mails, sent or failed, are forgotten": select(func.count()).where(OutboxRow.user_id == user.id, ~is_pending()),
        "events of the audit trail lose what is personal": select(func.count()).where(AuditEvent.user_id == user.id),
    }
    return [f"The account {user.email}", *[f"{db.session.scalar(query)} {what}" for what, query in count.items()]]


def end_session(actor: User, session: LoginSession, _form: None) -> str:
    """Log out one browser."""
    log_out_devices(session.user_id, only=session.id, actor_id=actor.id)
    return "The session has ended."


def retry(actor: User, row: OutboxRow | None, _form: None) -> str:
    """Retry one failed email, or all of them."""
    count = outbox.retry(row.id if row else None, actor_id=actor.id)
    return f"Retrying: {count}."


USERS = Page(
    name="users",
    title="Users",
    model=User,
    columns=("email", "username", "is_staff", "is_active", "joined_at"),
    sort=("joined_at", "email", "username", "last_login_at"),
    search=("email_key", "username_key", "id"),
    filters={
        "active": {"yes": User.is_active.is_(True), "no": not_(User.is_active)},
        "staff": {"yes": User.is_staff.is_(True), "read-only": User.is_viewer.is_(True), "no": not_(User.is_staff)},
        "confirmed": {"yes": User.email_confirmed_at.is_not(None), "no": User.email_confirmed_at.is_(None)},
    },
    hidden=("password_hash", "username_key", "email_key"),
    history=find_history,
    actions=(
        Action("add", "Add a user", add, form=NamesForm, bulk=True),
        Action("edit", "Edit", change, form=NamesForm),
        Action("send-reset", "Send a password link", send_reset, is_available=lambda user: user.is_active),
        Action("deactivate", "Lock out", lock_out, is_available=lambda user: user.is_active),
        Action("activate", "Let in again", let_in, is_available=lambda user: not user.is_active),
        Action("make-staff", "Make staff", make["staff"], is_available=lambda user: not user.is_staff),
        Action("make-viewer", "Make read-only staff", make["viewer"], is_available=lambda user: not user.is_viewer),
        Action(
            "make-user", "Take the role away", make["user"], is_available=lambda user: user.is_staff or user.is_viewer
        ),
        Action("end-sessions", "End all sessions", end_user_sessions),
        Action("delete", "Delete", delete, confirm=list_what_goes),
    ),
)
OUTBOX = Page(
    name="mails",
    title="Mails",
    model=OutboxRow,
    columns=("task", "user_id", "state", "attempts", "created_at", "due_at", "error"),
    sort=("created_at",),
    search=("id", "user_id"),
    filters={"state": outbox.states()},
    formatters={"task": lambda name: TASKS[name].title if name in TASKS else name},
    links={"user_id": "users"},
    actions=(
        Action("retry", "Try again", retry, is_available=lambda row: row.failed_at is not None),
        Action("retry-all", "Try all failed ones again", retry, bulk=True),
    ),
)
SESSIONS = Page(
    name="sessions",
    title="Sessions",
    model=LoginSession,
    columns=("created_at", "user_id", "device", "ip_address", "last_seen_at", "expires_at"),
    sort=("last_seen_at", "expires_at"),
    search=("user_id", "ip_address", "device"),
    filters={"live": {"yes": is_live(), "no": not_(is_live())}},
    hidden=("token_hash",),
    formatters={"device": describe_device},
    links={"user_id": "users"},
    actions=(Action("end", "End this session", end_session),),
)
AUDIT = Page(
    name="audit",
    title="Audit trail",
    model=AuditEvent,
    columns=("at", "event", "user_id", "actor_id", "email", "ip_address", "request_id", "detail"),
    sort=("at",),
    search=("user_id", "ip_address"),
    filters={"event": {event.value: AuditEvent.event == event for event in Event}},
    links={"user_id": "users", "actor_id": "users"},
)

PAGES = {page.name: page for page in (USERS, OUTBOX, SESSIONS, AUDIT)}
