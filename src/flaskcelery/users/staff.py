"""What staff may do to accounts, by page or command; the last active member of staff cannot be lost."""

from typing import Any

from sqlalchemy import delete, select, update

from flaskcelery.audit.operations import Event, forget_user, record
from flaskcelery.database import db, transaction
from flaskcelery.errors import Refusal
from flaskcelery.users.models import User
from flaskcelery.users.sessions import end_sessions


class LastStaff(Refusal):
    """The last active member of staff can be neither demoted nor locked out nor deleted. Please appoint another one."""


# What an account may do here, by the name of its role.
ROLES = {
    "user": {"is_staff": False, "is_viewer": False},
    "viewer": {"is_staff": False, "is_viewer": True},
    "staff": {"is_staff": True, "is_viewer": False},
}


def role_of(user: User) -> str:
    """Return the name of the account's role."""
    return "staff" if user.is_staff else "viewer" if user.is_viewer else "user"


def set_role(user_id: int, role: str, actor_id: int | None = None) -> None:
    """Give the account a role and end its sessions; raise LastStaff."""
    _change(user_id, Event.ROLE_CHANGED, actor_id, role, keeps_staff=role == "staff", **ROLES[role])


def set_active(user_id: int, is_active: bool, actor_id: int | None = None) -> None:
    """Let the account log in again, or lock it out at once; raise LastStaff."""
    event = Event.ACTIVATED if is_active else Event.DEACTIVATED
    _change(user_id, event, actor_id, keeps_staff=is_active, is_active=is_active)


def delete_user(user_id: int, actor_id: int | None = None) -> None:
    """Delete the account, its sessions, and what is personal in its events; raise LastStaff."""
    with transaction():
        keep_staff(user_id)
        forget_user(user_id)
        record(Event.DELETED, user_id, actor_id=actor_id)
        db.session.execute(delete(User).where(User.id == user_id))


def end_all_sessions(user_id: int, actor_id: int | None = None) -> int:
    """Log the account out everywhere; return how many sessions that ended."""
    with transaction():
        count = end_sessions(user_id)
        record(Event.SESSION_ENDED, user_id, detail=f"{count} sessions", actor_id=actor_id)
    return count


def _change(
    user_id: int, event: Event, actor_id: int | None, detail: str = "", *, keeps_staff: bool, **values: Any
) -> None:
    with transaction():
        if not keeps_staff:
            keep_staff(user_id)
        email = db.session.scalar(update(User).where(User.id == user_id).values(**values).returning(User.email))
        end_sessions(user_id)
        record(event, user_id, email or "", detail, actor_id)


def keep_staff(user_id: int) -> None:
    """Raise LastStaff if nobody else could administer; two at once wait for each other. Caller commits."""
    staff = select(User.id).where(User.is_staff, User.is_active).with_for_update()
    if set(db.session.scalars(staff)) == {user_id}:
        raise LastStaff
