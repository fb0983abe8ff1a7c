"""What staff may do to accounts, by page or command; the last active member of staff cannot be lost."""

from typing import Any

from sqlalchemy import delete, select, update

from flaskcelery.audit.events import Event, forget_user, record
from flaskcelery.database import db, now_plus, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.logs import mask
from flaskcelery.outbox.models import OutboxRow, is_pending
from flaskcelery.outbox.tasks import TASKS
from flaskcelery.users.accounts import NO_PASSWORD, make_names, refuse_taken
from flaskcelery.users.links import choose_previous_email, password_link_max_age
from flaskcelery.users.models import User
from flaskcelery.users.passwords import is_usable
from flaskcelery.users.sessions import end_sessions
from flaskcelery.users.tokens import database_now


class LastStaff(UserFacingError):
    """The last active member of staff can be neither demoted nor locked out nor deleted. Please appoint another one."""


class NoAccount(UserFacingError):
    """There is no such account: it is deleted, or its owner has closed it."""


class LockedOut(UserFacingError):
    """This account is locked out. Please let it in again first."""


# What an account may do here, by the name of its role.
ROLES = {
    "user": {"is_staff": False, "is_viewer": False},
    "viewer": {"is_staff": False, "is_viewer": True},
    "staff": {"is_staff": True, "is_viewer": False},
}


def role_of(user: User) -> str:
    """Return the name of the account's role."""
    return "staff" if user.is_staff else "viewer" if user.is_viewer else "user"


def create_user(
    username: str, email: str, role: str = "user", actor_id: int | None = None, password_hash: str = ""
) -> User:
    """Open an account; without a password, owe the mail by which its owner chooses one. With one, no mail leaves:
    whoever chose it vouches for the address.

    Raises InvalidName, InvalidEmail or AccountTaken.
    """
    names = make_names(username, email)
    user = User(**names, password_hash=password_hash or NO_PASSWORD, **ROLES[role])
    with refuse_taken(names), transaction():
        db.session.add(user)
        if password_hash:
            user.email_confirmed_at = database_now()
        db.session.flush()
        if not password_hash:
            _enqueue_password_link(user)
        record(Event.CREATED, user.id, user.email, role, actor_id)
    return user


def change_user(user_id: int, username: str, email: str, actor_id: int | None = None) -> None:
    """Give the account these names. A new address has to be confirmed, ends all sessions, and the old one is told.

    Raises InvalidName, InvalidEmail, AccountTaken or NoAccount.
    """
    names = make_names(username, email)
    with refuse_taken(names, user_id), transaction():
        user = _lock(user_id)
        changes = [
            f"{what}: {show(getattr(user, what))} → {show(names[what])}"
            for what, show in (("email", mask), ("username", str))
            if getattr(user, what) != names[what]
        ]
        values: dict[str, Any] = dict(names)
        if names["email_key"] != user.email_key:
            values |= _move(user, names["email"])
        if changes:
            record(Event.CHANGED, user_id, user.email, ", ".join(changes), actor_id)
            db.session.execute(update(User).where(User.id == user_id).values(**values))


def send_reset(user_id: int, actor_id: int | None = None) -> None:
    """Owe the mail by which the owner chooses a new password, or a first one; raise NoAccount or LockedOut."""
    with transaction():
        user = _lock(user_id)
        if not user.is_active:
            raise LockedOut
        _enqueue_password_link(user)
        record(Event.RESET_ASKED, user_id, user.email, actor_id=actor_id)


def set_role(user_id: int, role: str, actor_id: int | None = None) -> None:
    """Give the account a role and end its sessions; raise LastStaff or NoAccount."""
    _change(user_id, Event.ROLE_CHANGED, actor_id, role, keeps_staff=role == "staff", **ROLES[role])


def set_active(user_id: int, is_active: bool, actor_id: int | None = None) -> None:
    """Let the account log in again, or lock it out at once; raise LastStaff or NoAccount."""
    event = Event.ACTIVATED if is_active else Event.DEACTIVATED
    _change(user_id, event, actor_id, keeps_staff=is_active, is_active=is_active)


def delete_user(user_id: int, actor_id: int | None = None) -> None:
    """Delete the account, its sessions, mails and what is personal in its events; raise LastStaff or NoAccount."""
    with transaction():
        keep_staff(user_id)
        _lock(user_id)
        # What is owed stays until a worker finds nobody to send it to: one may have it in hand.
        db.session.execute(delete(OutboxRow).where(OutboxRow.user_id == user_id, ~is_pending()))
        forget_user(user_id)
        record(Event.DELETED, user_id, actor_id=actor_id)
        db.session.execute(delete(User).where(User.id == user_id))


def end_all_sessions(user_id: int, actor_id: int | None = None) -> int:
    """Log the account out everywhere; return how many sessions that ended. Raises NoAccount."""
    with transaction():
        email = _lock(user_id).email
        count = end_sessions(user_id)
        record(Event.SESSION_ENDED, user_id, email, f"{count} sessions", actor_id)
    return count


def end_session(user_id: int, session_id: int, actor_id: int | None = None) -> int:
    """Log the account out of one browser; return how many that were. Raises NoAccount."""
    with transaction():
        count = end_sessions(user_id, session_id=session_id)
        if count:
            record(Event.SESSION_ENDED, user_id, _lock(user_id).email, actor_id=actor_id)
    return count


def keep_staff(user_id: int) -> None:
    """Raise LastStaff if nobody else could administer; two at once wait for each other. Caller commits."""
    staff = select(User.id).where(User.is_staff, User.is_active).order_by(User.id).with_for_update()
    if set(db.session.scalars(staff)) == {user_id}:
        raise LastStaff


def _change(
    user_id: int, event: Event, actor_id: int | None, detail: str = "", *, keeps_staff: bool, **values: Any
) -> None:
    with transaction():
        if not keeps_staff:
            keep_staff(user_id)
        email = _lock(user_id).email
        db.session.execute(update(User).where(User.id == user_id).values(**values))
        end_sessions(user_id)
        record(event, user_id, email, detail, actor_id)


def _lock(user_id: int) -> User:
    """Return the account as it is now; nobody changes it before the caller commits."""
    mine = select(User).where(User.id == user_id, User.closed_at.is_(None))
    user: User | None = db.session.scalar(mine.with_for_update())
    if user is None:
        raise NoAccount
    return user


def _move(user: User, new: str) -> dict[str, Any]:
    """End the sessions, owe the mails of a change of address; return the columns that change with it."""
    end_sessions(user.id)
    TASKS["send_email_changed_notice"].enqueue(user_id=user.id)
    TASKS["send_confirmation_email"].enqueue(user_id=user.id, made_at=int(database_now().timestamp()))
    return {
        "pending_email": None,
        "previous_email": choose_previous_email(user, new),
        "email_changed_at": now_plus(),
        "email_confirmed_at": None,
    }


def _enqueue_password_link(user: User) -> None:
    name = "send_password_reset_email" if is_usable(user.password_hash) else "send_invitation_email"
    max_age = password_link_max_age(user).total_seconds()
    TASKS[name].enqueue(expires_after=max_age, user_id=user.id, made_at=int(database_now().timestamp()))
