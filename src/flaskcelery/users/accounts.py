"""Roles, and accounts as staff and their owners change them: locked, and never the last member of staff."""

import functools
from collections.abc import Sequence
from datetime import datetime

from flask import current_app
from sqlalchemy import ColumnElement, Update, bindparam, case, or_, select, update

from flaskcelery.audit.events import Actor
from flaskcelery.database import db, now_plus, write
from flaskcelery.errors import UserFacingError
from flaskcelery.users.models import HAS_PBKDF2_HASH, VOIDED_PASSWORD, User
from flaskcelery.users.tokens import LINK_MAX_AGE

ROLES = {
    "user": {"is_staff": False, "is_viewer": False},
    "viewer": {"is_staff": False, "is_viewer": True},
    "staff": {"is_staff": True, "is_viewer": False},
}


class NoAccount(UserFacingError):
    message = "There is no such account: it was deleted, or its owner has closed it."


class LastStaff(UserFacingError):
    message = (
        "The last active member of staff cannot be demoted, locked out or deleted. Please appoint another one first."
    )


class NotStaff(UserFacingError):
    message = "You are no longer a member of staff."


class Unproven(UserFacingError):
    message = (
        "The email of this account is not confirmed, so it can be a stranger’s account. Its owner has to confirm the "
        "email or reset the password first."
    )


class ChangedMeanwhile(UserFacingError):
    message = "Your account has changed in the meantime. Please try again."


def must_have_totp(user: User) -> bool:
    """Return whether REQUIRE_TOTP demands a second factor of the account."""
    required = current_app.config["REQUIRE_TOTP"]
    return required == "all" or (required == "staff" and user.has_role)


def get_actor(actor_id: int | None) -> Actor | None:
    """Return the member of staff for the audit trail, or None for a command; raise NotStaff.

    Call it inside the action's transaction, after everything that waits for locks: an actor who was demoted
    meanwhile does nothing.
    """
    if actor_id is None:
        return None
    is_staff = (User.id == actor_id, User.is_staff, User.is_active)
    name = db.session.scalar(select(User.username).where(*is_staff))
    if name is None:
        raise NotStaff
    return Actor(actor_id, name)


def is_beyond_sign_up() -> ColumnElement[bool]:
    """Return the condition that nobody can have got an account just by signing up with its email.

    Imported and invited ones have no deadline. If no account has one, only an imported password tells.
    """
    config = current_app.config
    have_deadlines = config["UNCONFIRMED_KEEP_DAYS"] or not config["SIGN_UP_REVEALS_EMAIL"]
    is_given = User.confirm_by.is_(None) if have_deadlines else HAS_PBKDF2_HASH
    is_moved = or_(User.email_changed_at.is_not(None), User.password_hash == VOIDED_PASSWORD)
    return or_(User.email_confirmed_at.is_not(None), is_moved, is_given)


def later_deadline() -> ColumnElement[datetime | None]:
    """Return the account's deadline to confirm its email, if it has one; at least the time for which links work."""
    soonest = now_plus(LINK_MAX_AGE.total_seconds())
    return case((User.confirm_by < soonest, soonest), else_=User.confirm_by)


def lock_account(user_id: int) -> User:
    """Return the account as it is now, locked until the caller commits; raise NoAccount."""
    is_open = select(User).where(User.id == user_id, User.closed_at.is_(None))
    user: User | None = db.session.scalar(is_open.with_for_update())
    if user is None:
        raise NoAccount
    return user


def keep_last_staff(user_id: int) -> None:
    """Raise LastStaff if nobody else could administer. Concurrent callers wait for each other. The caller commits."""
    staff = select(User.id).where(User.is_staff, User.is_active).order_by(User.id).with_for_update()
    if set(db.session.scalars(staff)) == {user_id}:
        raise LastStaff


def update_unchanged(user: User, columns: Sequence[str], **values: object) -> bool:
    """Change the account if it is active and these columns are still those of `user`; return whether it was changed.

    Only one of two concurrent callers succeeds. The caller commits.
    """
    seen = {f"seen_{name}": getattr(user, name) for name in columns}
    return write(_update(*columns).values(**values), seen_id=user.id, **seen).first() is not None


@functools.cache
def _update(*columns: str) -> Update:
    """Return the statement for an active account whose columns are as they were seen."""
    is_unchanged = [getattr(User, name).is_not_distinct_from(bindparam(f"seen_{name}")) for name in columns]
    return update(User).where(User.id == bindparam("seen_id"), *is_unchanged, User.is_active).returning(User.id)
