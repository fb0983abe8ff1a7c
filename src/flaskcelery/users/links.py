"""The links that mails hold: each names one of the pages of `addresses` and carries a token."""

from datetime import UTC, datetime, timedelta

from flaskcelery.users.models import User
from flaskcelery.users.names import email_key
from flaskcelery.users.passwords import is_usable
from flaskcelery.users.tokens import Purpose, database_now, make_token
from flaskcelery.web.security import public_url

LINK_MAX_AGE = timedelta(days=7)
RESET_LINK_MAX_AGE = timedelta(hours=1)


def confirmation_link(user: User, made_at: int | None = None) -> str:
    """Return the link that confirms the address, made when the account was opened or at this Unix time."""
    return _link("confirm", Purpose.CONFIRM_EMAIL, user, _moment(made_at) if made_at else user.joined_at)


def change_link(user: User, made_at: int) -> str:
    """Return the link that makes the pending address the account's."""
    return _link("change", Purpose.CHANGE_EMAIL, user, _moment(made_at))


def undo_link(user: User) -> str:
    """Return the link that gives the account its previous address back."""
    return _link("undo", Purpose.UNDO_EMAIL, user, user.email_changed_at or user.joined_at)


def password_link(user: User, made_at: int) -> str | None:
    """Return the link that lets the owner choose a password; none when it is too late for it."""
    moment = _moment(made_at)
    if database_now() > moment + password_link_max_age(user):
        return None
    token = make_token(Purpose.RESET_PASSWORD, user, moment)
    return public_url("auth.show_reset_link", user_id=user.id, token=token)


def password_link_max_age(user: User) -> timedelta:
    """Return for how long that link is good: longer for an account without a password, which holds little yet."""
    return RESET_LINK_MAX_AGE if is_usable(user.password_hash) else LINK_MAX_AGE


def choose_previous_email(user: User, new: str) -> str | None:
    """Return the address that may undo the change to `new`.

    It is the oldest one of seven days, or who stole an account could change twice and be rid of its owner;
    never one that was not confirmed: that may be a stranger's, mistyped.
    """
    recent = user.email_changed_at and database_now() < user.email_changed_at + LINK_MAX_AGE
    if recent and user.previous_email and email_key(user.previous_email) != email_key(new):
        return user.previous_email
    return user.email if user.email_confirmed_at else None


def _link(step: str, purpose: Purpose, user: User, made_at: datetime) -> str:
    return public_url("addresses.show_step", step=step, user_id=user.id, token=make_token(purpose, user, made_at))


def _moment(unix_time: int) -> datetime:
    return datetime.fromtimestamp(unix_time, UTC)
