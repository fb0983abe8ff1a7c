"""The links that mails hold: each names one of the pages of `addresses` and carries a token."""

from datetime import UTC, datetime

from flaskcelery.users.models import User
from flaskcelery.users.tokens import Purpose, make_token
from flaskcelery.web import public_link


def confirmation_link(user: User, made_at: int | None = None) -> str:
    """Return the link that confirms the address, made when the account was opened or at this Unix time."""
    return _link("confirm", Purpose.CONFIRM_EMAIL, user, _moment(made_at) if made_at else user.joined_at)


def change_link(user: User, made_at: int) -> str:
    """Return the link that makes the pending address the account's."""
    return _link("change", Purpose.CHANGE_EMAIL, user, _moment(made_at))


def undo_link(user: User) -> str:
    """Return the link that gives the account its previous address back."""
    return _link("undo", Purpose.UNDO_EMAIL, user, user.email_changed_at or user.joined_at)


def _link(step: str, purpose: Purpose, user: User, made_at: datetime) -> str:
    return public_link("addresses.show_step", step=step, user_id=user.id, token=make_token(purpose, user, made_at))


def _moment(unix_time: int) -> datetime:
    return datetime.fromtimestamp(unix_time, UTC)
