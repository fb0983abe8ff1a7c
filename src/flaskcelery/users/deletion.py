"""Deleting accounts: at their owner's request or by staff, and erasing what is left of them."""

from collections.abc import Sequence

from sqlalchemy import delete, exists

from flaskcelery.audit.events import Event, forget_user, record
from flaskcelery.database import db, now_plus, transaction
from flaskcelery.outbox.models import OutboxRow, is_pending
from flaskcelery.retention import delete_batch, purge
from flaskcelery.users.accounts import ChangedMeanwhile, keep_last_staff, lock_account, update_unchanged
from flaskcelery.users.emails import send_goodbye_email
from flaskcelery.users.models import User
from flaskcelery.users.password_change import check_password
from flaskcelery.users.sessions import end_sessions


def close_account(user: User, password: str) -> None:
    """Close the account and confirm that by email; raise WrongPassword, LastStaff or ChangedMeanwhile."""
    check_password(user, password)
    with transaction():
        keep_last_staff(user.id)
        if not update_unchanged(user, ["password_hash"], is_active=False, closed_at=now_plus()):
            raise ChangedMeanwhile
        end_sessions(user.id)
        # Once it is no longer pending, erase_closed() does the rest.
        send_goodbye_email.enqueue(to=user.email, user_id=user.id)
        record(Event.ACCOUNT_CLOSED, user.id, user.email)


def delete_user(user_id: int, actor_id: int | None = None) -> None:
    """Delete the account with its sessions, emails and personal audit data; raise LastStaff or NoAccount."""
    with transaction():
        keep_last_staff(user_id)
        lock_account(user_id)
        # Pending rows stay: a worker may be processing one. It will find no account, and send nothing.
        db.session.execute(delete(OutboxRow).where(OutboxRow.user_id == user_id, ~is_pending()))
        forget_user(user_id)
        record(Event.DELETED, user_id, actor_id=actor_id)
        db.session.execute(delete(User).where(User.id == user_id))


@purge
def erase_closed() -> Sequence[int]:
    """Erase a batch of the closed accounts that have no pending email."""
    has_pending = exists().where(OutboxRow.user_id == User.id, is_pending())
    erased = delete_batch(User, User.closed_at.is_not(None) & ~has_pending)
    for user_id in erased:
        db.session.execute(delete(OutboxRow).where(OutboxRow.user_id == user_id))
        forget_user(user_id)
        record(Event.ACCOUNT_ERASED, user_id)
    return erased
