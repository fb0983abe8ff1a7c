"""The rules of logging in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from flask import current_app
from sqlalchemy import bindparam, select

from flaskcelery.audit.events import Event, record
from flaskcelery.database import database_now, db, now_plus, pause, read_one, transaction
from flaskcelery.errors import UserFacingError, WrongPassword
from flaskcelery.users.accounts import ChangedMeanwhile, must_have_totp, update_unchanged
from flaskcelery.users.devices import record_login
from flaskcelery.users.models import User
from flaskcelery.users.password_change import check_password
from flaskcelery.users.passwords import hasher
from flaskcelery.users.sessions import confirm_session, start_session
from flaskcelery.users.tokens import Purpose, make_token, verify_token
from flaskcelery.users.two_factor import WrongCode, is_code, use_code
from flaskcelery.web.rate_limits import count_member

# A concurrent login may upgrade the hash between our check and our write; it will not do so twice.
LOGIN_TRIES = 3
R = TypeVar("R")
LOGIN_MAX_AGE = timedelta(minutes=10)  # between the password and the code
# What decides whether an account can log in, what a login needs, and how long it lasts.
SEEN = ("password_hash", "email", "is_staff", "is_viewer", "totp_secret")
OWNER = select(User).where(User.email_key == bindparam("email_key"))


class WrongCredentials(WrongPassword):
    message = "Please enter a correct email and password."
    field = ""


class EmailNotConfirmed(UserFacingError):
    message = "Please confirm your email first, with the link that we sent you."


def authenticate(email_key: str, password: str, remember: bool = False) -> User:
    """Check the password and start a login session; return the user, with its token unless a code is still needed.

    Raises WrongCredentials for every failure alike, after the time of one password check; with the right
    password, EmailNotConfirmed if confirmation is required.
    """
    # A visitor who is logged in to this account already has an object of their own, with the old session's token.
    pause(*db.session)
    for _ in range(LOGIN_TRIES):
        user = _check_credentials(email_key, password)
        if _start_login(user, password, remember):
            return user
    raise WrongCredentials


def _check_credentials(email_key: str, password: str) -> User:
    """Return the account, detached from the database; raise WrongCredentials or EmailNotConfirmed."""
    found = read_one(OWNER, email_key=email_key)
    user: User | None = found[0] if found else None
    least = hasher().work_of_failures()
    pause(user)
    is_unconfirmed = user and user.email_confirmed_at is None and current_app.config["EMAIL_CONFIRMATION_REQUIRED"]
    is_hidden = is_unconfirmed and not current_app.config["SIGN_UP_REVEALS_EMAIL"]
    # A locked or hidden account has no hash here: with the right password, too, it takes the time of a failure.
    password_hash = user.password_hash if user and user.is_active and not is_hidden else None
    if not hasher().verify(password, password_hash, least) or user is None:
        _record_failure(user, "email not confirmed" if is_hidden else "")
        raise WrongCredentials
    if is_unconfirmed:
        count_member("log_in", (user.id, user.password_hash))
        _record_failure(user, "email not confirmed")
        raise EmailNotConfirmed
    return user


def _record_failure(user: User | None, detail: str = "") -> None:
    with transaction():
        record(Event.LOG_IN_FAILED, user and user.id, user.email if user else "", detail)


def _start_login(user: User, password: str, remember: bool) -> bool:
    """Start the session if the account is still as it was checked, upgrading an outdated hash; return whether it is."""
    new_hash = hasher().hash(password) if hasher().needs_rehash(user.password_hash) else user.password_hash
    # Of this password: whoever knows an old one does not use up the logins with its successor.
    count_member("log_in", (user.id, user.password_hash), each_client=user.totp_secret is not None)
    with transaction():
        if user.totp_secret or must_have_totp(user):
            is_unchanged = update_unchanged(user, SEEN, password_hash=new_hash)
        else:
            is_unchanged = _begin_session(user, remember, password_hash=new_hash)
    user.password_hash = new_hash
    return is_unchanged


def _begin_session(user: User, remember: bool, **values: object) -> bool:
    """Start the session if the account is as it was read; return whether it is. The caller commits."""
    if not update_unchanged(user, SEEN, last_login_at=now_plus(), **values):
        return False
    user.session_token = start_session(user, remember)
    record_login(user)
    return True


def make_login_token(user: User) -> str:
    """Return a token: it proves for LOGIN_MAX_AGE, or until the next login, that the password was right."""
    return make_token(Purpose.FINISH_LOGIN, user, database_now())


def find_by_login_token(user_id: int, token: str) -> User | None:
    """Return the account whose login this token can finish now, detached from the database."""
    user = db.session.get(User, user_id)
    if user and user.is_active and verify_token(Purpose.FINISH_LOGIN, user, token, LOGIN_MAX_AGE):
        pause(user)
        return user
    return None


def finish_login(user: User, use: Callable[[User, str], R], code: str, remember: bool) -> R:
    """Use the code up and start the session; return what `use` returns.

    Raises WrongCode, UnreadableSecret or ChangedMeanwhile.
    """
    with _wrong_code_recorded(user), transaction():
        result = use(user, code)
        if not _begin_session(user, remember):
            raise ChangedMeanwhile
    return result


@contextmanager
def _wrong_code_recorded(user: User) -> Iterator[None]:
    try:
        yield
    except WrongCode:
        with transaction():
            record(Event.WRONG_CODE, user.id, user.email)
        raise


def confirm(user: User, typed: str, nonce: str) -> None:
    """Check the password of a logged-in user, or a code of their app, and note it in their session: its token is new.

    Raises WrongPassword, WrongCode, UnreadableSecret or ChangedMeanwhile. Detaches `user`.
    """
    pause(user)
    if not is_code(user, typed):
        check_password(user, typed)
    with _wrong_code_recorded(user), transaction():
        if is_code(user, typed):
            use_code(user, typed)
        if not confirm_session(user, nonce):
            raise ChangedMeanwhile
        record(Event.CONFIRMED, user.id, user.email)
