"""What staff can do to a user. Messages name no email, because the session cookie that carries them is readable."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, func, select

from flaskcelery.admin import operations as staff
from flaskcelery.admin.forms import EditForm, GiveBackForm, NamesForm
from flaskcelery.admin.registry import action
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import db
from flaskcelery.errors import UserFacingError
from flaskcelery.outbox.models import OutboxRow, is_pending
from flaskcelery.users.deletion import delete_user
from flaskcelery.users.email_change import can_undo
from flaskcelery.users.models import VOIDED_PASSWORD, LoginSession, User
from flaskcelery.users.names import typed_email_key
from flaskcelery.users.sessions import log_out_devices
from flaskcelery.web.rate_limits import count_staff_email

ROLE_NAMES = {"staff": "staff", "viewer": "read-only", "user": "user"}
ROLE_RIGHTS = {
    "staff": "Staff can see and change everything in the administration, other accounts included.",
    "viewer": "Read-only staff can see everything in the administration and change nothing.",
    "user": "Users cannot open the administration.",
}


def count(*where: ColumnElement[bool]) -> int:
    return db.session.scalar(select(func.count()).where(*where)) or 0


def count_sessions(user: User) -> int:
    return count(LoginSession.user_id == user.id)


def is_open(user: User) -> bool:
    """Return whether anything can still be done to the account; its owner may have closed it."""
    return user.closed_at is None


def warn_of_logout(*lines: str) -> Callable[[User], list[str]]:
    """Return a confirmation that says these lines, and how many sessions end."""
    return lambda user: [*lines, *show_counts({"Login sessions that will end": count_sessions(user)})]


def show_counts(counts: dict[str, int]) -> list[str]:
    """Return a sentence for each count that is not zero."""
    return [f"{what}: {number}." for what, number in counts.items() if number]


@action(
    "Add a user", form=NamesForm, bulk=True, confirm=lambda _: ["They get an email with a link to choose a password."]
)
def add(actor: User, form: Any) -> str:
    count_staff_email(actor.id, typed_email_key(form.email.data))
    user = staff.create_user(form.username.data, form.email.data, actor_id=actor.id)
    return f"User {user.id} was added. An email with a link to choose a password is on its way."


@action("Edit", form=EditForm, button="Save", is_available=is_open)
def edit(actor: User, user: User, form: Any) -> str:
    if form.email_key.data != user.email_key:
        raise UserFacingError("The email of this account has changed in the meantime. Please open this page again.")
    if (new := typed_email_key(form.email.data)) != user.email_key:
        undoer = typed_email_key(user.previous_email or "") if can_undo(user) else user.email_key
        count_staff_email(actor.id, *{new, user.email_key, undoer})
    staff.change_user(user.id, form.username.data, form.email.data, actor.id)
    return f"User {user.id} is saved."


@action(
    "Give back to its owner",
    form=GiveBackForm,
    danger=True,
    is_available=is_open,
    confirm=lambda _: [
        "The owner’s email gets a link to choose a password. Before that, nobody can log in. Nobody can undo this.",
        "An app that the thief has set up stays: use “Reset two-factor authentication”, too.",
    ],
)
def give_back(actor: User, user: User, form: Any) -> str:
    count_staff_email(actor.id, typed_email_key(form.owners_email.data))  # the thief's mailbox is told once at most
    staff.give_back(user.id, form.owners_email.data, actor.id)
    return f"An email with a link to choose a password is on its way to the owner of user {user.id}."


@action("Send a password link", is_available=lambda user: user.is_active)
def send_reset(actor: User, user: User) -> str:
    count_staff_email(actor.id, user.email_key)
    staff.send_password_link(user.id, actor.id)
    return f"An email with a link to choose a password is on its way to user {user.id}."


@action(
    "Make staff",
    is_available=lambda user: is_open(user) and not user.is_staff,
    confirm=warn_of_logout(ROLE_RIGHTS["staff"]),
)
def make_staff(actor: User, user: User) -> str:
    return _set_role(actor, user, "staff")


@action(
    "Make read-only staff",
    is_available=lambda user: is_open(user) and not user.is_viewer,
    confirm=warn_of_logout(ROLE_RIGHTS["viewer"]),
)
def make_viewer(actor: User, user: User) -> str:
    return _set_role(actor, user, "viewer")


@action(
    "Remove the role",
    is_available=lambda user: is_open(user) and user.has_role,
    confirm=warn_of_logout(ROLE_RIGHTS["user"]),
)
def make_user(actor: User, user: User) -> str:
    return _set_role(actor, user, "user")


def _set_role(actor: User, user: User, role: str) -> str:
    staff.set_role(user.id, role, actor.id)
    return f"The role of user {user.id} is now “{ROLE_NAMES[role]}”."


@action("End all sessions", is_available=count_sessions, confirm=warn_of_logout("The owner has to log in again."))
def end_sessions(actor: User, user: User) -> str:
    return f"Ended sessions of user {user.id}: {log_out_devices(user.id, actor_id=actor.id)}."


@action(
    "Reset two-factor authentication",
    danger=True,
    note="For an owner who has lost the app and the recovery codes.",
    is_available=lambda user: is_open(user) and user.totp_secret,
    confirm=warn_of_logout(
        "Make sure that it is the owner who asks for this: from now on, the password is enough to log in.",
        "The owner is told by email.",
    ),
)
def reset_two_factor(actor: User, user: User) -> str:
    count_staff_email(actor.id, user.email_key)
    staff.reset_totp(user.id, actor.id)
    return f"The two-factor authentication of user {user.id} is reset."


@action(
    "Lock out",
    danger=True,
    note="The owner cannot log in until the account is unlocked.",
    is_available=lambda user: user.is_active,
    confirm=warn_of_logout("The owner cannot log in until the account is unlocked."),
)
def deactivate(actor: User, user: User) -> str:
    staff.set_active(user.id, is_active=False, actor_id=actor.id)
    return f"User {user.id} is locked out."


@action("Unlock", is_available=lambda user: is_open(user) and not user.is_active)
def activate(actor: User, user: User) -> str:
    if user.password_hash == VOIDED_PASSWORD:  # its owner gets a link
        count_staff_email(actor.id, user.email_key)
    staff.set_active(user.id, is_active=True, actor_id=actor.id)
    return f"User {user.id} can log in again."


def warn_of_deletion(user: User) -> list[str]:
    mine = OutboxRow.user_id == user.id
    return [
        f"The account {user.email} will be deleted. This cannot be undone.",
        *(["Its email was changed a few days ago: a thief could want this."] if can_undo(user) else []),
        *show_counts(
            {
                "Login sessions that will end": count_sessions(user),
                "Pending emails that will not be sent": count(mine, is_pending()),
                "Sent or failed emails that will be deleted": count(mine, ~is_pending()),
                "Audit events that will lose their personal data": count(AuditEvent.user_id == user.id),
            }
        ),
    ]


@action(
    "Delete",
    danger=True,
    note="The account and its data are erased. This cannot be undone.",
    is_available=is_open,
    confirm=warn_of_deletion,
)
def delete(actor: User, user: User) -> str:
    delete_user(user.id, actor_id=actor.id)
    return f"User {user.id} was deleted."


USER_ACTIONS = (
    add, edit, give_back, send_reset, make_staff, make_viewer, make_user, end_sessions, activate,
    reset_two_factor, deactivate, delete,
)  # fmt: skip
