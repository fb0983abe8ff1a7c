"""Confirming, changing and restoring an account's email: one rule for its owner, the links in emails, and staff."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, detach, now_plus, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.users import emails
from flaskcelery.users.accounts import ChangedMeanwhile, update_unchanged
from flaskcelery.users.models import User
from flaskcelery.users.names import AccountTaken, email_key, make_email, normalize_email, refuse_taken
from flaskcelery.users.password_change import check_password
from flaskcelery.users.sessions import end_sessions
from flaskcelery.users.tokens import LINK_DAYS, LINK_MAX_AGE, Purpose, database_now, timestamp, verify_token
from flaskcelery.web.rate_limits import take_email_quota


class InvalidLink(UserFacingError):
    message = f"This link has been used, has been replaced by a newer one, or is older than {LINK_DAYS} days."


class EmailGone(UserFacingError):
    message = "Another account has this email now. Please choose a different one."


class SameEmail(UserFacingError):
    message = "This is your email already."
    field = "email"


def request_confirmation(email: str) -> None:
    """Send an unconfirmed account a new link. Other emails cost the same work, so the answer reveals nothing."""
    key = email_key(normalize_email(email))
    if not take_email_quota("other", key):
        return
    with transaction():
        is_unconfirmed = (User.email_key == key, User.is_active, User.email_confirmed_at.is_(None))
        user = db.session.scalar(select(User).where(*is_unconfirmed))
        user_id = user.id if user else None
        emails.send_confirmation_email.enqueue(to=key, user_id=user_id, made_at=timestamp())
        record(Event.CONFIRMATION_REQUESTED, user_id, user.email if user else "")


def request_email_change(user: User, email: str, password: str) -> None:
    """Send the new email a link that makes the change, and warn the current one.

    Whether another account has the new email is told to its mailbox alone. Raises InvalidEmail, WrongPassword,
    SameEmail or ChangedMeanwhile.
    """
    new = normalize_email(email)
    check_password(user, password)
    if email_key(new) == user.email_key:
        raise SameEmail
    with transaction():
        if not update_unchanged(user, ["password_hash"], pending_email=new):
            raise ChangedMeanwhile
        emails.send_email_change_email.enqueue(to=new, user_id=user.id, made_at=timestamp())
        emails.send_email_change_notice.enqueue(to=user.email, user_id=user.id)
        record(Event.EMAIL_CHANGE_REQUESTED, user.id, user.email)


def find_linked_user(action: str, user_id: int, token: str) -> User:
    """Return the account for which this link works; raise InvalidLink."""
    user = db.session.get(User, user_id, populate_existing=True)
    purpose, _ = ACTIONS[action]
    if user is None or not verify_token(purpose, user, token, LINK_MAX_AGE):
        raise InvalidLink
    return user


def follow_link(action: str, user_id: int, token: str, keep: str | None) -> None:
    """Do what the link allows, once; the session of the token `keep` can survive. Raise InvalidLink or EmailGone."""
    user = detach(find_linked_user(action, user_id, token))
    new = {"change": user.pending_email, "undo": user.previous_email}.get(action) or user.email
    _, apply = ACTIONS[action]
    try:
        with refuse_taken(make_email(new), user.id), transaction():
            apply(user, new, keep)
    except AccountTaken:
        raise EmailGone from None


def move_email(user: User, new: str, *, is_confirmed: bool, keep: str | None = None) -> dict[str, Any]:
    """End the account's sessions and tell its previous email about the change; return the columns to write.

    An email that is not confirmed yet is sent a link. The caller writes the columns and commits.
    """
    end_sessions(user.id, keep=keep)
    emails.send_email_changed_notice.enqueue(to=user.email, user_id=user.id)
    if not is_confirmed:
        emails.send_confirmation_email.enqueue(to=new, user_id=user.id, made_at=timestamp())
    return {
        **make_email(new),
        "pending_email": None,
        "previous_email": _choose_previous(user, new),
        "email_changed_at": now_plus(),
        "email_confirmed_at": now_plus() if is_confirmed else None,
    }


def _choose_previous(user: User, new: str) -> str | None:
    """Return the email that can undo the change to `new`.

    It is the oldest of the last LINK_DAYS days: otherwise an attacker could change the email twice and lock the owner
    out. It is never one that was not confirmed, which could be mistyped and belong to a stranger.
    """
    is_recent = user.email_changed_at and database_now() < user.email_changed_at + LINK_MAX_AGE
    if is_recent and user.previous_email and email_key(user.previous_email) != email_key(new):
        return user.previous_email
    return user.email if user.email_confirmed_at else None


def _confirm(user: User, _new: str, _keep: str | None) -> None:
    _write(user, email_confirmed_at=now_plus())
    record(Event.EMAIL_CONFIRMED, user.id, user.email)


def _change(user: User, new: str, keep: str | None) -> None:
    _write(user, **move_email(user, new, is_confirmed=True, keep=keep))
    record(Event.EMAIL_CHANGED, user.id, user.email)


def _undo(user: User, old: str, _keep: str | None) -> None:
    nothing_left = {"pending_email": None, "previous_email": None, "email_changed_at": None}
    _write(user, **make_email(old), **nothing_left, email_confirmed_at=now_plus())
    end_sessions(user.id)
    record(Event.EMAIL_CHANGE_UNDONE, user.id, old)


ACTIONS: dict[str, tuple[Purpose, Callable[[User, str, str | None], None]]] = {
    "confirm": (Purpose.CONFIRM_EMAIL, _confirm),
    "change": (Purpose.CHANGE_EMAIL, _change),
    "undo": (Purpose.UNDO_EMAIL, _undo),
}


def _write(user: User, **values: object) -> None:
    """Change the account if it still is as its token was verified; raise InvalidLink."""
    seen = ("email", "pending_email", "previous_email", "email_changed_at", "email_confirmed_at")
    if not update_unchanged(user, seen, **values):
        raise InvalidLink
