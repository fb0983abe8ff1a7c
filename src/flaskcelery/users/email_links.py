"""What the links in emails do to an account, and what each needs besides the link."""

import uuid
from collections.abc import Callable

from sqlalchemy import and_, or_, update

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, now_plus, pause, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.users import emails
from flaskcelery.users.accounts import keep_last_staff, update_unchanged
from flaskcelery.users.email_change import prepare_email_change
from flaskcelery.users.models import User
from flaskcelery.users.names import AccountTaken, email_key, make_email, refuse_taken
from flaskcelery.users.password_change import VOID, check_password, start_reset
from flaskcelery.users.sessions import end_sessions, renew_token
from flaskcelery.users.tokens import LINK_DAYS, LINK_MAX_AGE, Purpose, verify_token


class InvalidLink(UserFacingError):
    message = f"This link has been used, has been replaced by a newer one, or is older than {LINK_DAYS} days."


class EmailGone(UserFacingError):
    message = "Another account has this email now. Please choose a different one."


class UndoBlocked(EmailGone):
    message = "Another account has this email now. Please delete that account, then open this link again."


def find_linked_user(action: str, user_id: int, token: str) -> User:
    """Return the account for which this link works; raise InvalidLink."""
    user = db.session.get(User, user_id, populate_existing=True)
    purpose, _ = ACTIONS[action]
    if user is None or not verify_token(purpose, user, token, LINK_MAX_AGE):
        raise InvalidLink
    return user


def needs_password(action: str, user: User, *, is_owner: bool) -> bool:
    """Return whether the link works only with a password; `is_owner`: the visitor is logged in to the account.

    A mailbox alone must neither confirm nor take over an account that a stranger opened with its email.
    """
    if action == "undo":
        return user.undo_password_hash is not None
    return action in {"confirm", "change"} and user.has_password and not is_owner


def follow_link(action: str, user_id: int, token: str, owner: User | None, password: str = "") -> None:
    """Do what the link allows, once. `owner` is the visitor if logged in to the account; their session can stay.

    Raises InvalidLink, WrongPassword, LastStaff, or EmailGone if the database finds that the email has been taken.
    """
    user = find_linked_user(action, user_id, token)
    if needs_password(action, user, is_owner=owner is not None):
        check_password(user, password, user.undo_password_hash if action == "undo" else None)
    else:
        pause(user)
    new = {"change": user.pending_email, "undo": user.previous_email}.get(action) or user.email
    _, apply = ACTIONS[action]
    try:
        with refuse_taken(make_email(new), user.id), transaction():
            apply(user, new, owner)
    except AccountTaken:
        raise (UndoBlocked if action == "undo" else EmailGone) from None


def _confirm(user: User, _new: str, _owner: User | None) -> None:
    _write(user, email_confirmed_at=now_plus())
    record(Event.EMAIL_CONFIRMED, user.id, user.email)


def _reject(user: User, _new: str, _owner: User | None) -> None:
    keep_last_staff(user.id)
    _write(user, is_active=False, closed_at=now_plus())
    end_sessions(user.id)
    record(Event.SIGN_UP_REJECTED, user.id, user.email)


def _change(user: User, new: str, owner: User | None) -> None:
    _write(user, **prepare_email_change(user, new, is_confirmed=True, keep=owner and owner.session_token))
    if owner:
        renew_token(owner)
    record(Event.EMAIL_CHANGED, user.id, user.email)


def _undo(user: User, old: str, _owner: User | None) -> None:
    """Restore the email. Somebody else may know the password, so it is void until the owner resets it."""
    left = user.email if user.email_confirmed_at else None
    _free_email(old)
    gone = ("previous_email", "undo_password_hash", "email_changed_at", "confirm_by")
    _write(
        user,
        **make_email(old),
        **dict.fromkeys(gone),
        **VOID,
        is_mailbox_lost=False,
        left_email=left,
        email_confirmed_at=now_plus(),
    )
    if left:
        emails.send_left_email_notice.enqueue(to=left, user_id=user.id)
    start_reset(user, old)
    emails.send_undone_notice.enqueue(to=old, user_id=user.id)
    record(Event.EMAIL_CHANGE_UNDONE, user.id, old)


def _free_email(email: str) -> None:
    """Close an account that nobody has confirmed, and take the email from one that is closed already.

    The link proves the mailbox, like the one that rejects a sign-up. Otherwise a thief could change an account's email,
    sign up with the old one, and so block the undo.
    """
    is_unproven = and_(User.email_confirmed_at.is_(None), User.email_changed_at.is_(None))
    is_free = (or_(User.closed_at.is_not(None), is_unproven), ~User.is_staff, ~User.is_viewer)
    close = update(User).where(User.email_key == email_key(email), *is_free)
    close = close.values(email_key=uuid.uuid4().hex, is_active=False, closed_at=now_plus())
    for user_id in db.session.scalars(close.returning(User.id)).all():
        end_sessions(user_id)
        record(Event.SIGN_UP_REJECTED, user_id, email)


def _disown(user: User, email: str, _owner: User | None) -> None:
    """Log out whoever logged in. They know the password, so it is void until the owner resets it."""
    if not update_unchanged(user, ["email", "devices_forgotten_at"], **VOID):
        raise InvalidLink
    start_reset(user, email)
    record(Event.LOG_IN_DISOWNED, user.id, user.email)


ACTIONS: dict[str, tuple[Purpose, Callable[[User, str, User | None], None]]] = {
    "confirm": (Purpose.CONFIRM_EMAIL, _confirm),
    "reject": (Purpose.REJECT_SIGN_UP, _reject),
    "change": (Purpose.CHANGE_EMAIL, _change),
    "undo": (Purpose.UNDO_EMAIL, _undo),
    "disown": (Purpose.DISOWN_LOGIN, _disown),
}


def _write(user: User, **values: object) -> None:
    """Change the account if it still is as its token was verified; raise InvalidLink."""
    seen = ("email", "pending_email", "previous_email", "email_changed_at", "email_confirmed_at")
    if not update_unchanged(user, seen, **values):
        raise InvalidLink
