"""The emails about an account. `made_at` is when a link was requested: every attempt sends the same link."""

from datetime import UTC, datetime
from functools import partial

from sqlalchemy import select

from flaskcelery.audit.events import Event, is_latest
from flaskcelery.database import db, now_plus
from flaskcelery.mail.message import Message, compose
from flaskcelery.outbox.tasks import task
from flaskcelery.users.models import NO_PASSWORD, VOIDED_PASSWORD, User
from flaskcelery.users.names import email_key
from flaskcelery.users.recipients import find_open
from flaskcelery.users.samples import sample_event, sample_link, sample_taken_email, sample_user
from flaskcelery.users.tokens import (
    LINK_MAX_AGE,
    change_link,
    confirmation_link,
    lifetime,
    password_link,
    password_link_max_age,
    reject_link,
    undo_link,
)
from flaskcelery.web.urls import public_url

NEW = "alice@new.example.com"  # in samples
CHANGED = {"email": NEW, "previous_email": "alice@example.com", "email_changed_at": now_plus()}


@task("send_confirmation_email", "Confirm your email", queue="urgent", samples=[sample_link(email_confirmed_at=None)])
def send_confirmation_email(user_id: int | None, made_at: int) -> Message | None:
    """Send a new confirmation link, unless there is nothing to confirm."""
    user = find_open(user_id)
    if user is None or user.email_confirmed_at:
        return None
    link, reject = confirmation_link(user, made_at), reject_link(user, made_at)
    return _compose("confirmation", user, link=link, lifetime=lifetime(LINK_MAX_AGE), reject=reject)


@task("send_email_change_email", "Confirm your new email", samples=[sample_link(pending_email=NEW), sample_taken_email])
def send_email_change_email(user_id: int, made_at: int, event_id: int | None = None) -> Message | None:
    """Send the link that makes the change to the new email, or tell the account that has this email already.

    Send nothing for a request with a newer one: both would go to the newer email. Earlier releases give no `event_id`.
    """
    user = find_open(user_id)
    if user is None or user.pending_email is None:
        return None
    if event_id and not is_latest(Event.EMAIL_CHANGE_REQUESTED, user.id, event_id):
        return None
    is_taken = (User.email_key == email_key(user.pending_email), User.closed_at.is_(None))
    if owner := db.session.scalar(select(User).where(*is_taken)):
        return _compose("email_taken", owner, link=public_url("auth.show_reset"))
    link = change_link(user, made_at)
    return _compose("email_change", user, to=user.pending_email, link=link, lifetime=lifetime(LINK_MAX_AGE))


@task("send_email_taken_email", "You already have an account", samples=[sample_user()])
def send_email_taken_email(user_id: int) -> Message | None:
    """Tell an account's owner that somebody signed up with its email."""
    owner = find_open(user_id)
    return _compose("email_taken", owner, link=public_url("auth.show_reset")) if owner else None


@task("send_email_change_notice", "A change of your email was requested", samples=[sample_user(pending_email=NEW)])
def send_email_change_notice(user_id: int) -> Message | None:
    """Warn the current email. After the change it gets another one, with a link that undoes the change."""
    user = find_open(user_id)
    if user is None or user.pending_email is None:
        return None
    return notify("email_change_notice", user, other_link=public_url("account.show_password_change"))


@task(
    "send_email_changed_notice",
    "Your email was changed",
    samples=[sample_user(**CHANGED), sample_user(**CHANGED, undo_password_hash=NO_PASSWORD)],
)
def send_email_changed_notice(user_id: int) -> Message | None:
    """Tell the previous email about the change, with a link that undoes it."""
    user = find_open(user_id)
    if user is None or user.previous_email is None:
        return None
    return _compose(
        "email_changed",
        user,
        to=user.previous_email,
        link=undo_link(user),
        lifetime=lifetime(LINK_MAX_AGE),
        needs_password=user.undo_password_hash is not None,
        when=tell(user.email_changed_at),
    )


@task(
    "send_password_reset_email",
    "Password reset",
    queue="urgent",
    samples=[sample_link(), sample_link(password_hash=VOIDED_PASSWORD)],
)
def send_password_reset_email(user_id: int | None, made_at: int) -> Message | None:
    """Send the reset link to the account's email as it is stored, unless no link could help."""
    return _compose_password_link("password_reset", user_id, made_at, has_password=True)


@task(
    "send_invitation_email",
    "Choose your password",
    samples=[sample_link(password_hash=NO_PASSWORD, email_confirmed_at=None)],
)
def send_invitation_email(user_id: int, made_at: int) -> Message | None:
    """Ask the owner of an account that staff opened to choose its password."""
    return _compose_password_link("invitation", user_id, made_at, has_password=False)


@task("send_password_changed_email", "Password changed", samples=[sample_user(password_changed_at=now_plus())])
def send_password_changed_email(user_id: int) -> Message | None:
    """Tell an account's owner about the new password: somebody else could have chosen it."""
    user = db.session.get(User, user_id)
    when = tell(user.password_changed_at) if user else ""
    return notify("password_changed", user, other_link=public_url("auth.show_reset"), when=when) if user else None


@task("send_goodbye_email", "Your account is deleted", samples=[sample_user(closed_at=now_plus())])
def send_goodbye_email(user_id: int) -> Message | None:
    """Confirm that an account is closed. Once this email is no longer pending, its data is erased."""
    user = db.session.get(User, user_id)
    return notify("goodbye", user, other_link=public_url("home.show")) if user and user.closed_at else None


@task("send_new_email_notice", "This is your email now", samples=[sample_user(email=NEW, email_changed_at=now_plus())])
def send_new_email_notice(user_id: int) -> Message | None:
    """Tell the new email about the change."""
    user = find_open(user_id)
    if user is None or user.email_confirmed_at is None:
        return None
    return _compose("email_new", user, link=public_url("auth.show_login"), when=tell(user.email_changed_at))


@task(
    "send_left_email_notice",
    "Your email was changed",
    samples=[sample_user(left_email=NEW, email_changed_at=now_plus()), sample_user(left_email=NEW)],
)
def send_left_email_notice(user_id: int) -> Message | None:
    """Tell an email that a change or an undo took it from the account, if it cannot undo that."""
    user = find_open(user_id)
    if user is None or user.left_email is None:
        return None
    return _compose(
        "email_left", user, to=user.left_email, other_link=public_url("home.show"), when=tell(user.email_changed_at)
    )


@task("send_undone_notice", "You have your old email back", samples=[sample_user()])
def send_undone_notice(user_id: int) -> Message | None:
    """Tell the restored email about the undo; the link to choose a new password comes with an email of its own."""
    user = find_open(user_id)
    return _compose("email_undone", user, link=public_url("auth.show_reset")) if user else None


@task(
    "send_two_factor_notice",
    "Two-factor authentication",
    samples=[partial(sample_event, event) for event in Event if "two-factor" in event or "recovery" in event],
)
def send_two_factor_notice(user_id: int, event: str, made_at: int) -> Message | None:
    """Tell an account's owner what was done to the second factor of the login."""
    user = find_open(user_id)
    when = tell(datetime.fromtimestamp(made_at, UTC))
    return notify("two_factor", user, event=event, when=when, link=public_url("auth.show_reset")) if user else None


def tell(moment: datetime | None) -> str:
    return moment.strftime("on %-d %B %Y at %H:%M UTC") if moment else ""


def _compose_password_link(name: str, user_id: int | None, made_at: int, *, has_password: bool) -> Message | None:
    user = find_open(user_id)
    if user is None or not user.is_active or user.has_password != has_password:
        return None
    link, is_undo = password_link(user, made_at), user.password_hash == VOIDED_PASSWORD
    max_age = password_link_max_age(user)
    return _compose(name, user, link=link, lifetime=lifetime(max_age), is_undo=is_undo) if link else None


def notify(name: str, user: User, **context: str) -> Message | None:
    """Compose a notice, unless the account's email is not confirmed: it can be a stranger's."""
    return _compose(name, user, **context) if user.email_confirmed_at else None


def _compose(name: str, user: User, to: str = "", **context: object) -> Message:
    to = to or user.email
    is_own = to == user.email and user.email_confirmed_at
    # Usernames are chosen by users: anywhere else, one could be an advertisement.
    greeting = f"Hi {user.username}," if is_own else "Hello,"
    return compose(f"users/email/{name}", to, greeting=greeting, email=user.email, **context)
