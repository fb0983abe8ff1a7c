"""Requesting and making a change of an account's email. docs/security.md has the rules of change and undo."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from flaskcelery.audit.events import Event, record
from flaskcelery.database import database_now, db, now_plus, pause, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.outbox.queries import withdraw
from flaskcelery.users import emails
from flaskcelery.users.accounts import ChangedMeanwhile, is_beyond_sign_up, later_deadline, update_unchanged
from flaskcelery.users.models import VOIDED_PASSWORD, User
from flaskcelery.users.names import accept_email, email_key, make_email, normalize_email
from flaskcelery.users.password_change import VOID, start_reset
from flaskcelery.users.sessions import end_sessions
from flaskcelery.users.tokens import LINK_DAYS, LINK_MAX_AGE, timestamp
from flaskcelery.web.rate_limits import take_email_quota

# The tasks that send a link to an account's email, whatever it is by then; features add theirs.
LINKS = [emails.send_confirmation_email, emails.send_invitation_email, emails.send_password_reset_email]


class SameEmail(UserFacingError):
    message = "This is your email already."
    field = "email"


class PasswordTooNew(UserFacingError):
    message = f"Your password is less than {LINK_DAYS} days old. Please wait, or leave this box empty."
    field = "is_mailbox_lost"


def request_confirmation(email: str) -> None:
    """Send an unconfirmed account a new link, within the quota of one recipient.

    Other emails, and one too many, cost the same work, so the answer reveals nothing.
    """
    key = email_key(normalize_email(email))
    is_unconfirmed = (User.email_key == key, User.is_active, User.email_confirmed_at.is_(None))
    columns = (User.id, is_beyond_sign_up().label("has_own_quota"))
    owner = db.session.execute(select(*columns).where(*is_unconfirmed)).first()
    recipient = owner.id if owner and owner.has_own_quota else key
    is_within = take_email_quota("resend" if owner else "nobody", recipient)  # as for a reset
    with transaction():
        user = db.session.scalar(select(User).where(*is_unconfirmed)) if is_within else None
        user_id = user.id if user else None
        emails.send_confirmation_email.enqueue(to=key, user_id=user_id, made_at=timestamp())
        record(Event.CONFIRMATION_REQUESTED, user_id, user.email if user else "")


def request_email_change(user: User, email: str, is_mailbox_lost: bool = False) -> None:
    """Send the new email a link that makes the change, and warn the current one.

    The current mailbox can undo the change later. If `is_mailbox_lost`, it also needs the current password for that.
    Only the new mailbox learns whether another account has the new email. Raises InvalidEmail, OtherDomain, SameEmail,
    PasswordTooNew or ChangedMeanwhile.
    """
    pause(user)
    new = accept_email(email)
    if email_key(new) == user.email_key:
        raise SameEmail
    # Otherwise a thief of the password could choose the one that the owner then needs for the undo.
    if is_mailbox_lost and _is_recent(user.password_changed_at):
        raise PasswordTooNew
    with transaction():
        if not update_unchanged(user, ["password_hash"], pending_email=new, is_mailbox_lost=is_mailbox_lost):
            raise ChangedMeanwhile
        event_id = record(Event.EMAIL_CHANGE_REQUESTED, user.id, user.email)
        emails.send_email_change_email.enqueue(to=new, user_id=user.id, made_at=timestamp(), event_id=event_id)
        emails.send_email_change_notice.enqueue(to=user.email, user_id=user.id)


def can_undo(user: User) -> bool:
    """Return whether a mailbox still has the right to undo the last change of the account's email."""
    return user.previous_email is not None and _is_recent(user.email_changed_at)


def prepare_email_change(
    user: User, new: str, *, is_confirmed: bool, keep: str | None = None, is_given_back: bool = False
) -> dict[str, Any]:
    """End the account's sessions, tell both emails about the change, and return the columns to write.

    An email that is not confirmed yet is sent a link. If staff give a stolen account back, or change its email to the
    one that can undo, nobody can undo that, and the password is void: a thief may know it. The caller writes the
    columns and commits.
    """
    end_sessions(user.id, keep=keep)
    is_mailbox_lost = is_confirmed and user.is_mailbox_lost
    is_final = is_given_back or (can_undo(user) and email_key(user.previous_email or "") == email_key(new))
    previous, password_hash = (None, None) if is_final else _choose_undo(user, is_mailbox_lost=is_mailbox_lost)
    is_same = email_key(new) == user.email_key
    is_unproven = is_same and user.email_confirmed_at is None
    left = user.email if user.email_confirmed_at and not is_same else None
    if previous:
        # The owner's only chance is worth as many attempts as the link has time.
        max_age = LINK_MAX_AGE.total_seconds()
        emails.send_email_changed_notice.enqueue(to=previous, expires_after=max_age, user_id=user.id)
    if left and left != previous:
        emails.send_left_email_notice.enqueue(to=left, user_id=user.id)
    if is_confirmed:
        emails.send_new_email_notice.enqueue(to=new, user_id=user.id)
    else:
        _send_link(user, new, is_void=is_final or user.password_hash == VOIDED_PASSWORD)
    return {
        **make_email(new),
        **(VOID if is_final and not is_confirmed else {"pending_email": None}),
        "is_mailbox_lost": False,
        "previous_email": previous,
        "undo_password_hash": password_hash,
        "left_email": left,
        # An email that stays, unconfirmed, proves nothing about the second factor, and keeps a deadline.
        "email_changed_at": user.email_changed_at if is_unproven else now_plus(),
        "email_confirmed_at": now_plus() if is_confirmed else None,
        "confirm_by": later_deadline() if is_unproven else None,
    }


def _send_link(user: User, new: str, *, is_void: bool) -> None:
    """Send the new email the one link with which its owner confirms it. Older links would go there, too."""
    withdraw(user.id, *[task.name for task in LINKS])
    if is_void:
        start_reset(user, new)
    elif user.has_password:
        emails.send_confirmation_email.enqueue(to=new, user_id=user.id, made_at=timestamp())
    else:
        max_age = LINK_MAX_AGE.total_seconds()
        emails.send_invitation_email.enqueue(to=new, expires_after=max_age, user_id=user.id, made_at=timestamp())


def _choose_undo(user: User, *, is_mailbox_lost: bool) -> tuple[str | None, str | None]:
    """Return the email that can undo a change, and the hash of the password that it needs, if any.

    It is the oldest of the last LINK_DAYS days: otherwise an attacker could change the email twice and lock the owner
    out. It is never one that was not confirmed, which could be mistyped and belong to a stranger.
    """
    if can_undo(user):
        return user.previous_email, user.undo_password_hash
    if user.email_confirmed_at is None:
        return None, None
    return user.email, user.password_hash if is_mailbox_lost else None


def _is_recent(moment: datetime | None) -> bool:
    return moment is not None and database_now() < moment + LINK_MAX_AGE
