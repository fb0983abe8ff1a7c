"""The rules of the links in mails: each is good once, for seven days, and for the account as it was."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from flaskcelery.addresses.tasks import send_confirmation_email, send_email_changed_notice
from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, now_plus, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.users.links import LINK_MAX_AGE, choose_previous_email
from flaskcelery.users.models import User
from flaskcelery.users.names import email_key, normalize_email
from flaskcelery.users.sessions import end_sessions
from flaskcelery.users.tokens import Purpose, database_now, verify_token
from flaskcelery.web.rate_limits import take_email_quota


class InvalidLink(UserFacingError):
    """This link has been used, has been replaced by another one, or is older than seven days."""


class EmailGone(UserFacingError):
    """Another account has this address by now. Please choose another one."""


@dataclass(frozen=True)
class Step:
    """What a link does to the account of which its token is."""

    purpose: Purpose
    take: Callable[[User, str | None], None]


def ask_confirmation(email: str) -> None:
    """Owe a fresh link if an unconfirmed account has this address; write as much if none has.

    Nothing is owed to an address that was sent many of them in the last hour.
    """
    key = email_key(normalize_email(email))
    if not take_email_quota("confirmation", key):
        return
    with transaction():
        found = db.session.scalar(
            select(User).where(User.email_key == key, User.is_active, User.email_confirmed_at.is_(None))
        )
        user_id = found.id if found else None
        send_confirmation_email.enqueue(user_id=user_id, made_at=int(database_now().timestamp()))
        record(Event.CONFIRMATION_ASKED, user_id, found.email if found else "")


def find_account(name: str, user_id: int, token: str) -> User:
    """Return the account that this link is good for; raise InvalidLink."""
    user = db.session.get(User, user_id, populate_existing=True)
    if user is None or not verify_token(STEPS[name].purpose, user, token, LINK_MAX_AGE):
        raise InvalidLink
    return user


def follow_link(name: str, user_id: int, token: str, keep_token: str | None) -> None:
    """Do what the link allows, once; the session of `keep_token` may stay logged in.

    Raises InvalidLink, or EmailGone: the database alone decides that an address is taken.
    """
    try:
        with transaction():
            STEPS[name].take(find_account(name, user_id, token), keep_token)
    except IntegrityError:
        raise EmailGone from None


def _confirm(user: User, _keep_token: str | None) -> None:
    _write(user, email_confirmed_at=now_plus())
    record(Event.EMAIL_CONFIRMED, user.id, user.email)


def _change(user: User, keep_token: str | None) -> None:
    old, new = user.email, user.pending_email or ""
    _write(
        user,
        email=new,
        email_key=email_key(new),
        pending_email=None,
        previous_email=choose_previous_email(user, new),
        email_changed_at=now_plus(),
        email_confirmed_at=now_plus(),
    )
    end_sessions(user.id, keep_token)
    send_email_changed_notice.enqueue(user_id=user.id)
    record(Event.EMAIL_CHANGED, user.id, old)


def _undo(user: User, _keep_token: str | None) -> None:
    old = user.previous_email or ""
    _write(
        user,
        email=old,
        email_key=email_key(old),
        pending_email=None,
        previous_email=None,
        email_changed_at=None,
        email_confirmed_at=now_plus(),
    )
    end_sessions(user.id)
    record(Event.EMAIL_CHANGE_UNDONE, user.id, old)


STEPS = {
    "confirm": Step(Purpose.CONFIRM_EMAIL, _confirm),
    "change": Step(Purpose.CHANGE_EMAIL, _change),
    "undo": Step(Purpose.UNDO_EMAIL, _undo),
}


def _write(user: User, **values: object) -> None:
    """Change the account if it still is as the token was checked against; of two at once, one is too late."""
    columns = (User.id, User.email, User.pending_email, User.previous_email, User.email_changed_at)
    seen = [column.is_not_distinct_from(getattr(user, column.key)) for column in columns]
    still = [*seen, User.is_active, User.email_confirmed_at.is_not_distinct_from(user.email_confirmed_at)]
    done = update(User).where(*still).values(**values).returning(User.id)
    if db.session.scalar(done, execution_options={"synchronize_session": False}) is None:
        raise InvalidLink
