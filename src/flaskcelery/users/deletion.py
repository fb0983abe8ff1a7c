"""Deleting accounts: at their owner's request or by staff, and erasing what is left of them."""

import logging
from collections.abc import Sequence

from sqlalchemy import and_, delete, exists, update

from flaskcelery.audit.events import Event, forget_user, record
from flaskcelery.database import db, now_plus, pause, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.outbox.models import OutboxRow, is_pending, is_waiting
from flaskcelery.retention import PURGED_PER_PASS, delete_batch, find_batch, purge
from flaskcelery.users.accounts import ChangedMeanwhile, get_actor, keep_last_staff, lock_account, update_unchanged
from flaskcelery.users.email_change import can_undo
from flaskcelery.users.emails import send_goodbye_email
from flaskcelery.users.models import User
from flaskcelery.users.sessions import end_sessions
from flaskcelery.users.tokens import LINK_DAYS

logger = logging.getLogger(__name__)


class EmailJustChanged(UserFacingError):
    message = (
        f"This account’s email was changed less than {LINK_DAYS} days ago, and its old mailbox can still undo that. "
        f"You can delete the account once the {LINK_DAYS} days are over."
    )


def close_account(user: User) -> None:
    """Close the account and confirm that by email.

    Raises EmailJustChanged, LastStaff or ChangedMeanwhile.
    """
    pause(user)
    if can_undo(user):
        raise EmailJustChanged
    with transaction():
        keep_last_staff(user.id)
        if not update_unchanged(user, ["password_hash", "email_changed_at"], is_active=False, closed_at=now_plus()):
            raise ChangedMeanwhile
        end_sessions(user.id)
        # Once it is no longer pending, erase_closed() does the rest.
        send_goodbye_email.enqueue(to=user.email, user_id=user.id)
        record(Event.ACCOUNT_CLOSED, user.id, user.email)


def delete_user(user_id: int, actor_id: int | None = None) -> None:
    """Delete the account with its sessions, emails and personal audit data; raise LastStaff, NoAccount or NotStaff."""
    with transaction():
        keep_last_staff(user_id)
        lock_account(user_id)
        # Pending rows stay: a worker may be processing one. It will find no account, and send nothing.
        db.session.execute(delete(OutboxRow).where(OutboxRow.user_id == user_id, ~is_pending()))
        is_forgotten = forget_user(user_id, PURGED_PER_PASS) < PURGED_PER_PASS
        # Before the row goes: staff can delete themselves.
        record(Event.DELETED, user_id, actor=get_actor(actor_id))
        if is_forgotten:
            db.session.execute(delete(User).where(User.id == user_id))
        else:  # too many events for one transaction: erase_closed() does the rest
            db.session.execute(update(User).where(User.id == user_id).values(is_active=False, closed_at=now_plus()))
            end_sessions(user_id)


@purge
def expire_unconfirmed() -> Sequence[int]:
    """Close a batch of the accounts whose email was not confirmed in time; `erase_closed` erases them."""
    is_late = and_(User.email_confirmed_at.is_(None), User.is_active, ~User.is_staff, ~User.is_viewer)
    found = find_batch(User.confirm_by, 0, is_late)
    # The condition stands twice: an account that is confirmed in the meantime stays.
    closed = (
        update(User)
        .where(User.id.in_(found), User.confirm_by <= now_plus(), is_late)
        .values(is_active=False, closed_at=now_plus())
    )
    expired = db.session.execute(closed.returning(User.id, User.email)).all() if found else []
    for user_id, email in expired:
        end_sessions(user_id)
        record(Event.ACCOUNT_EXPIRED, user_id, email)
    return [user_id for user_id, _ in expired]


@purge
def erase_closed() -> Sequence[int]:
    """Erase a batch of closed accounts, except those with an email that is due. Emails for later are erased, too."""
    has_pending = exists().where(OutboxRow.user_id == User.id, is_waiting())
    forgotten, events_left = [], PURGED_PER_PASS
    for user_id in find_batch(User.closed_at, 0, ~has_pending):
        count = forget_user(user_id, events_left)
        if count == events_left:  # perhaps not all of them: the next passes go on
            break
        forgotten.append(user_id)
        events_left -= count
    erased = delete_batch(User.closed_at, 0, ~has_pending, User.id.in_(forgotten))
    for user_id in erased:
        for row in db.session.scalars(delete(OutboxRow).where(OutboxRow.user_id == user_id).returning(OutboxRow)):
            if row.state == "pending":
                logger.info("Row %s (%s), which was for later, goes with the account", row.id, row.task)
        record(Event.ACCOUNT_ERASED, user_id)
    return erased
