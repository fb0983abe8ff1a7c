"""The pages of the admin. Add your own here."""

from typing import Any

from flask_wtf import FlaskForm
from sqlalchemy import func, not_, select

from flaskcelery.admin import operations as staff
from flaskcelery.admin.registry import Page, action
from flaskcelery.audit.events import Event, find_events
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import db
from flaskcelery.outbox import queries as outbox
from flaskcelery.outbox.models import OutboxRow, is_pending
from flaskcelery.outbox.tasks import title_of
from flaskcelery.users.deletion import delete_user
from flaskcelery.users.devices import describe_device
from flaskcelery.users.models import LoginSession, User
from flaskcelery.users.names import (
    EMAIL_MAX_LENGTH,
    USERNAME_MAX_LENGTH,
    normalize_email,
    normalize_username,
    typed_email_key,
)
from flaskcelery.users.sessions import is_live, log_out_devices
from flaskcelery.web.forms import email_field, username_field
from flaskcelery.web.rate_limits import count_staff_email

HISTORY_LENGTH = 50


# Messages name no email: they travel in the session cookie, which is signed but readable.


class NamesForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    username = username_field("Username", normalize_username, USERNAME_MAX_LENGTH)
    email = email_field("Email", normalize_email, EMAIL_MAX_LENGTH)


@action("Add a user", form=NamesForm, bulk=True)
def add(actor: User, form: Any) -> str:
    count_staff_email(actor.id, typed_email_key(form.email.data))
    user = staff.create_user(form.username.data, form.email.data, actor_id=actor.id)
    return f"User {user.id} was added. An email with a link to choose a password is on its way."


@action("Edit", form=NamesForm)
def edit(actor: User, user: User, form: Any) -> str:
    if (new := typed_email_key(form.email.data)) != user.email_key:
        count_staff_email(actor.id, new, user.email_key)
    staff.change_user(user.id, form.username.data, form.email.data, actor.id)
    return f"User {user.id} is saved."


@action("Send a password link", is_available=lambda user: user.is_active)
def send_reset(actor: User, user: User) -> str:
    count_staff_email(actor.id, user.email_key)
    staff.send_password_link(user.id, actor.id)
    return f"An email with a link to choose a password is on its way to user {user.id}."


@action("Lock out", is_available=lambda user: user.is_active)
def deactivate(actor: User, user: User) -> str:
    staff.set_active(user.id, is_active=False, actor_id=actor.id)
    return f"User {user.id} is locked out."


@action("Unlock", is_available=lambda user: not user.is_active)
def activate(actor: User, user: User) -> str:
    staff.set_active(user.id, is_active=True, actor_id=actor.id)
    return f"User {user.id} can log in again."


@action("Make staff", is_available=lambda user: not user.is_staff)
def make_staff(actor: User, user: User) -> str:
    return _set_role(actor, user, "staff")


@action("Make read-only staff", is_available=lambda user: not user.is_viewer)
def make_viewer(actor: User, user: User) -> str:
    return _set_role(actor, user, "viewer")


@action("Remove the role", is_available=lambda user: user.is_staff or user.is_viewer)
def make_user(actor: User, user: User) -> str:
    return _set_role(actor, user, "user")


def _set_role(actor: User, user: User, role: str) -> str:
    staff.set_role(user.id, role, actor.id)
    return f"The role of user {user.id} is now: {role}."


@action("End all sessions")
def end_sessions(actor: User, user: User) -> str:
    return f"Ended sessions of user {user.id}: {log_out_devices(user.id, actor_id=actor.id)}."


def list_consequences(user: User) -> list[str]:
    conditions = {
        "login sessions will end": [LoginSession.user_id == user.id],
        "pending emails will not be sent": [OutboxRow.user_id == user.id, is_pending()],
        "sent or failed emails will be deleted": [OutboxRow.user_id == user.id, ~is_pending()],
        "audit events will lose their personal data": [AuditEvent.user_id == user.id],
    }
    counts = [f"{db.session.scalar(select(func.count()).where(*where))} {text}" for text, where in conditions.items()]
    return [f"The account {user.email} will be deleted", *counts]


@action("Delete", confirm=list_consequences)
def delete(actor: User, user: User) -> str:
    delete_user(user.id, actor_id=actor.id)
    return f"User {user.id} was deleted."


USERS = Page(
    name="users",
    title="Users",
    model=User,
    columns=("email", "username", "is_staff", "is_active", "joined_at"),
    sortable=("joined_at", "email", "username", "last_login_at"),
    searchable=("email_key", "username_key", "id"),
    filters={
        "active": {"yes": User.is_active.is_(True), "no": not_(User.is_active)},
        "staff": {"yes": User.is_staff.is_(True), "read-only": User.is_viewer.is_(True), "no": not_(User.is_staff)},
        "confirmed": {"yes": User.email_confirmed_at.is_not(None), "no": User.email_confirmed_at.is_(None)},
    },
    hidden=("password_hash", "undo_password_hash", "username_key", "username_skeleton", "email_key"),
    history=lambda user: find_events(user.id, HISTORY_LENGTH),
    actions=(add, edit, send_reset, deactivate, activate, make_staff, make_viewer, make_user, end_sessions, delete),
)


@action("Retry", is_available=lambda row: row.failed_at is not None)
def retry(actor: User, row: OutboxRow) -> str:
    staff.retry_emails(row.id, actor.id)
    return "The email will be retried."


@action("Retry all failed emails", bulk=True)
def retry_all(actor: User) -> str:
    return f"Emails that will be retried: {staff.retry_emails(actor_id=actor.id)}."


EMAILS = Page(
    name="emails",
    title="Emails",
    model=OutboxRow,
    columns=("task", "user_id", "state", "attempts", "created_at", "due_at", "error"),
    sortable=("created_at",),
    searchable=("id", "user_id"),
    filters={"state": outbox.states()},
    formatters={"task": title_of},
    links={"user_id": "users"},
    actions=(retry, retry_all),
)


@action("End this session")
def end(actor: User, session: LoginSession) -> str:
    log_out_devices(session.user_id, only=session.id, actor_id=actor.id)
    return "The session has ended."


SESSIONS = Page(
    name="sessions",
    title="Sessions",
    model=LoginSession,
    columns=("created_at", "user_id", "device", "ip_address", "last_seen_at", "expires_at"),
    sortable=("last_seen_at", "expires_at"),
    searchable=("user_id", "ip_address", "device"),
    filters={"live": {"yes": is_live(), "no": not_(is_live())}},
    hidden=("token_hash",),
    formatters={"device": describe_device},
    links={"user_id": "users"},
    actions=(end,),
)

AUDIT = Page(
    name="audit",
    title="Audit trail",
    model=AuditEvent,
    columns=("at", "event", "user_id", "actor_id", "actor_name", "email", "ip_address", "request_id", "detail"),
    sortable=("at",),
    searchable=("user_id", "ip_address"),
    filters={"event": {event.value: AuditEvent.event == event for event in Event}},
    links={"user_id": "users", "actor_id": "users"},
)

PAGES = {page.name: page for page in (USERS, EMAILS, SESSIONS, AUDIT)}
