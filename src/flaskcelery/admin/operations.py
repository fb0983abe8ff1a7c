"""What staff do to accounts and rows, from the admin pages and the `flask users` commands."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, update
from wtforms import Form

from flaskcelery.admin.tables import id_of
from flaskcelery.audit.events import Actor, Event, record
from flaskcelery.database import Base, database_now, db, refused_as, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.logs import mask
from flaskcelery.outbox import queries as outbox
from flaskcelery.outbox.tasks import OutboxTask
from flaskcelery.retention import PURGED_PER_PASS
from flaskcelery.users.accounts import ROLES, Unproven, get_actor, keep_last_staff, later_deadline, lock_account
from flaskcelery.users.email_change import prepare_email_change
from flaskcelery.users.models import NO_PASSWORD, VOIDED_PASSWORD, User
from flaskcelery.users.names import make_email, make_names, refuse_taken
from flaskcelery.users.password_change import enqueue_password_link, start_reset
from flaskcelery.users.sessions import end_sessions
from flaskcelery.users.two_factor import remove
from flaskcelery.web.rate_limits import count_staff_email


class RowGone(UserFacingError):
    message = "This row is gone: it was deleted in the meantime."


class RowRefused(UserFacingError):
    message = "The database refuses this: a value is taken, or other rows still need this one."


def create_user(
    username: str, email: str, role: str = "user", actor_id: int | None = None, password_hash: str = ""
) -> User:
    """Open an account; send its owner a link to choose a password if none is given.

    Raises InvalidName, InvalidEmail, AccountTaken or NotStaff.
    """
    names = make_names(username, email)
    user = User(**names, password_hash=password_hash or NO_PASSWORD, **ROLES[role])
    with refuse_taken(names), transaction():
        # Whoever chose the password vouches for the email.
        user.email_confirmed_at = database_now() if password_hash else None
        db.session.add(user)
        db.session.flush()
        if not password_hash:
            enqueue_password_link(user)
        record(Event.CREATED, user.id, user.email, role, get_actor(actor_id))
    return user


def change_user(user_id: int, username: str, email: str, actor_id: int | None = None) -> None:
    """Change an account's names; raise InvalidName, InvalidEmail, AccountTaken, NoAccount or NotStaff."""
    names = make_names(username, email)
    with refuse_taken(names, user_id), transaction():
        user = lock_account(user_id)
        changes = [
            f"{what}: {show(getattr(user, what))} → {show(names[what])}"
            for what, show in (("email", mask), ("username", str))
            if getattr(user, what) != names[what]
        ]
        values: dict[str, Any] = dict(names)
        if names["email_key"] != user.email_key:
            values |= prepare_email_change(user, names["email"], is_confirmed=False)
        if changes:
            db.session.execute(update(User).where(User.id == user_id).values(**values))
            record(Event.CHANGED, user_id, user.email, ", ".join(changes), get_actor(actor_id))


def give_back(user_id: int, email: str, actor_id: int | None = None) -> None:
    """Take a stolen account from a thief: nobody can undo this. The owner's email gets a link to choose a password.

    Raises InvalidEmail, AccountTaken, NoAccount or NotStaff.
    """
    new = make_email(email)
    with refuse_taken(new, user_id), transaction():
        user = lock_account(user_id)
        values = prepare_email_change(user, new["email"], is_confirmed=False, is_given_back=True)
        record(Event.GIVEN_BACK, user_id, new["email"], f"was {mask(user.email)}", get_actor(actor_id))
        db.session.execute(update(User).where(User.id == user_id).values(**values))


def send_password_link(user_id: int, actor_id: int | None = None) -> None:
    """Send the owner a link to choose a password; raise NoAccount, NotStaff, or UserFacingError if it is locked out."""
    with transaction():
        user = lock_account(user_id)
        if not user.is_active:
            raise UserFacingError("This account is locked out. Please unlock it first.")
        enqueue_password_link(user)
        record(Event.RESET_REQUESTED, user_id, user.email, actor=get_actor(actor_id))


def set_role(user_id: int, role: str, actor_id: int | None = None) -> None:
    """Give the account a role and end its sessions; raise LastStaff, Unproven, NoAccount or NotStaff."""
    _change(user_id, Event.ROLE_CHANGED, actor_id, role, keeps_staff=role == "staff", **ROLES[role])


def set_active(user_id: int, is_active: bool, actor_id: int | None = None) -> None:
    """Let the account log in again, or lock it out at once; raise LastStaff, NoAccount or NotStaff."""
    # If its email was not confirmed in time, it would expire at once.
    event = Event.ACTIVATED if is_active else Event.DEACTIVATED
    _change(user_id, event, actor_id, keeps_staff=is_active, is_active=is_active, confirm_by=later_deadline())


def reset_totp(user_id: int, actor_id: int | None = None) -> None:
    """Remove the second factor that the owner has lost, and end all sessions; raise NoAccount, NoTotp or NotStaff."""
    with transaction():
        remove(user_id, Event.TOTP_RESET, actor_id)
        end_sessions(user_id)


def retry_row(row_id: uuid.UUID, actor_id: int | None = None) -> bool:
    """Retry one email or job; return whether there is one that waits or has failed; raise NotStaff."""
    with transaction():
        return outbox.retry_row(row_id, get_actor(actor_id))


def retry_failed(*of: ColumnElement[bool], actor_id: int | None = None) -> int:
    """Retry all such failed emails and jobs, in batches, and return how many; raise NotStaff."""
    total, is_full = 0, True
    while is_full:  # rows that fail again meanwhile do not fill a batch
        with transaction():
            count = outbox.retry_failed(*of, actor=get_actor(actor_id))
        total, is_full = total + count, count >= PURGED_PER_PASS
    return total


def send_email(email: OutboxTask, user_id: int, actor_id: int, **args: Any) -> None:
    """Enqueue an email to a user, and count it; raise NoAccount, NotStaff, Unproven or TooManyRequests."""
    found = db.session.get(User, user_id)
    count_staff_email(actor_id, found.email_key if found else "")
    with transaction():
        user, actor = lock_account(user_id), get_actor(actor_id)
        if user.email_confirmed_at is None:
            raise Unproven
        email.enqueue(to=user.email, user_id=user_id, **args)
        record(Event.EMAIL_SENT, user_id, user.email, email.title, actor)


def add_row(model: type[Base], form: Form, actor_id: int, **values: object) -> None:
    """Add a row of any table with these values and those of the form; raise RowRefused or NotStaff."""
    with refused_as(RowRefused), transaction():
        actor, row = get_actor(actor_id), model(**values)
        form.populate_obj(row)
        db.session.add(row)
        db.session.flush()
        _record(Event.ROW_ADDED, row, actor)


def change_row(row: Base, actor_id: int, **values: object) -> None:
    """Change columns of any row; raise RowGone, RowRefused or NotStaff."""
    with _locked(row, Event.ROW_CHANGED, actor_id, ", ".join(values)) as found:
        for name, value in values.items():
            setattr(found, name, value)


def delete_row(row: Base, actor_id: int) -> None:
    """Delete any row; raise RowGone, RowRefused or NotStaff."""
    with _locked(row, Event.ROW_DELETED, actor_id) as found:
        db.session.delete(found)


@contextmanager
def _locked(row: Base, event: Event, actor_id: int, detail: str = "") -> Iterator[Base]:
    with refused_as(RowRefused), transaction():
        found = db.session.get(type(row), id_of(row), with_for_update=True)
        if found is None:
            raise RowGone
        actor = get_actor(actor_id)
        yield found
        db.session.flush()  # a change that is refused is not logged
        _record(event, row, actor, detail)


def _record(event: Event, row: Base, actor: Actor | None, detail: str = "") -> None:
    about = f"{row.__tablename__} {id_of(row)} {detail}".strip()
    record(event, getattr(row, "user_id", None), detail=about, actor=actor)


def _change(
    user_id: int, event: Event, actor_id: int | None, detail: str = "", *, keeps_staff: bool, **values: Any
) -> None:
    with transaction():
        if not keeps_staff:
            keep_last_staff(user_id)
        user, actor = lock_account(user_id), get_actor(actor_id)  # staff can demote themselves
        if user.email_confirmed_at is None and (values.get("is_staff") or values.get("is_viewer")):
            raise Unproven
        db.session.execute(update(User).where(User.id == user_id).values(**values))
        end_sessions(user_id)
        if values.get("is_active") and user.password_hash == VOIDED_PASSWORD:
            start_reset(user, user.email)  # while it was locked out, no link was sent
        record(event, user_id, user.email, detail, actor)
