"""Login sessions: a row for each logged-in browser, found by the hash of the token in its cookie."""

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress

from flask import request
from sqlalchemy import ColumnElement, Select, and_, bindparam, case, delete, insert, select, update
from werkzeug.exceptions import HTTPException

from flaskcelery.audit.events import Event, record
from flaskcelery.database import TransactionError, db, now_plus, read_one, transaction, write
from flaskcelery.extensions import login_manager
from flaskcelery.retention import DAY, delete_batch, purge
from flaskcelery.users.accounts import get_actor, must_have_totp
from flaskcelery.users.models import LoginSession, User
from flaskcelery.web.requests import client_ip, user_agent

# Seconds without a request, and in all, after which a session ends; by whether its owner asked to be remembered.
IDLE = {False: DAY / 2, True: 30 * DAY}
ABSOLUTE = {False: 14 * DAY, True: 90 * DAY}
MAX_SESSIONS = 50  # of one account
SEEN_EVERY = 300  # seconds; requests within them do not write
CONFIRMED_FOR = 600  # seconds in which sensitive actions do not ask for the password

# Built once, because each login needs them.
_of_user = LoginSession.user_id == bindparam("owner_id")
_order = (LoginSession.last_seen_at.desc(), LoginSession.id.desc())
_kept = select(LoginSession.id).where(_of_user).order_by(*_order).limit(MAX_SESSIONS - 1)
MAKE_ROOM = delete(LoginSession).where(_of_user, LoginSession.id.not_in(_kept)).returning(LoginSession.id)
ADD_SESSION = insert(LoginSession).values(expires_at=now_plus("seconds"))


def start_session(user: User, remember: bool = False) -> str:
    """Add a login session and return its token, which is stored nowhere. The caller, who has locked `user`, commits.

    Staff are never remembered. An account has at most MAX_SESSIONS; the one unused for the longest time ends.
    """
    if count := len(write(MAKE_ROOM, owner_id=user.id).all()):
        record(Event.SESSION_ENDED, user.id, user.email, f"{count} over the limit of {MAX_SESSIONS}")
    remember = remember and not user.has_role
    token = secrets.token_urlsafe(32)
    write(
        ADD_SESSION,
        token_hash=_hash(token),
        user_id=user.id,
        seconds=ABSOLUTE[remember],
        is_remembered=remember,
        ip_address=client_ip(),
        device=user_agent(),
    )
    return token


def end_sessions(
    user_id: int, *, only: int | None = None, keep: str | None = None, forgets_devices: bool = True
) -> int:
    """Log out all browsers of an account, `only` one session, or all but the token `keep`; return how many.

    If all end, the account forgets the browsers that it knows, unless `forgets_devices` is off.
    """
    if forgets_devices and only is None and keep is None:
        # First, because a login locks the account before its sessions.
        forgotten = update(User).where(User.id == user_id).values(devices_forgotten_at=now_plus())
        db.session.execute(forgotten, execution_options={"synchronize_session": False})
    chosen = [LoginSession.user_id == user_id]
    if keep is not None:
        chosen.append(LoginSession.token_hash != _hash(keep))
    if only is not None:
        chosen.append(LoginSession.id == only)
    return len(db.session.scalars(delete(LoginSession).where(*chosen).returning(LoginSession.id)).all())


def log_out_devices(
    user_id: int, *, only: int | None = None, keep: User | None = None, actor_id: int | None = None
) -> int:
    """Do what `end_sessions` does in a transaction of its own, with an audit event; return how many ended.

    The session of `keep` stays, with a new token.
    """
    with transaction():
        count = end_sessions(user_id, only=only, keep=keep and keep.session_token)
        if keep:
            renew_token(keep)
        if count:
            email = db.session.scalar(select(User.email).where(User.id == user_id)) or ""
            record(Event.SESSION_ENDED, user_id, email, f"{count} sessions", get_actor(actor_id))
    return count


def log_out(user: User) -> None:
    """End the login session of this request, and with it every copy of its cookie."""
    with transaction():
        db.session.execute(delete(LoginSession).where(LoginSession.token_hash == _hash(user.session_token or "")))
        record(Event.LOG_OUT, user.id, user.email)


def renew_token(user: User) -> None:
    """Give the session of this request a new token, so that copies of its cookie die. The caller commits.

    The view then calls Flask-Login's `login_user`, which puts the token into the cookie.
    """
    if user.has_new_token:
        return
    is_mine = LoginSession.token_hash == _hash(user.session_token or "")
    user.session_token = secrets.token_urlsafe(32)
    db.session.execute(update(LoginSession).where(is_mine).values(token_hash=_hash(user.session_token)))


def is_confirmed(user: User) -> bool:
    """Return whether the password was given in the session of this request in the last CONFIRMED_FOR seconds."""
    is_recent = LoginSession.confirmed_at > now_plus(-CONFIRMED_FOR)
    mine = select(LoginSession.id).where(LoginSession.token_hash == _hash(user.session_token or ""), is_recent)
    return db.session.scalar(mine) is not None


def confirm_session(user: User, nonce: str = "") -> bool:
    """Note that the password was given in the session of this request; return whether it is still there.

    The session gets a new token, as by `renew_token`. It is made from the old token and the form's nonce, which no copy
    of the cookie contains. So a form that is sent twice gets the same token twice. The caller commits.
    """
    tokens = [user.session_token or "", _next_token(user.session_token or "", nonce or secrets.token_urlsafe())]
    is_mine = LoginSession.token_hash.in_([_hash(token) for token in tokens])
    user.session_token, user.has_new_token = tokens[1], True
    new = {"confirmed_at": now_plus(), "token_hash": _hash(tokens[1])}
    return db.session.scalar(update(LoginSession).where(is_mine).values(**new).returning(LoginSession.id)) is not None


def select_sessions(user_id: int) -> Select[LoginSession]:
    """Return the query for an account's live login sessions, most recently seen first."""
    mine = select(LoginSession).where(LoginSession.user_id == user_id, is_live())
    return mine.order_by(LoginSession.last_seen_at.desc())


def find_sessions(user_id: int) -> Sequence[LoginSession]:
    """Return an account's live login sessions, of which there are at most MAX_SESSIONS, most recently seen first."""
    return db.session.scalars(select_sessions(user_id)).all()


def is_live() -> ColumnElement[bool]:
    """Return the condition that a session is neither too old nor idle for too long, by the database's clock."""
    seen_since = case((LoginSession.is_remembered, now_plus(-IDLE[True])), else_=now_plus(-IDLE[False]))
    return and_(LoginSession.expires_at > now_plus(), LoginSession.last_seen_at > seen_since)


def is_current(session: LoginSession, user: User) -> bool:
    """Return whether this is the session of the user's current request."""
    return session.token_hash == _hash(user.session_token or "")


# Built once, because most requests need it.
IS_STALE, IS_MINE = LoginSession.last_seen_at < now_plus(-SEEN_EVERY), LoginSession.token_hash == bindparam("token")
LIVE_SESSION = select(User, IS_STALE).join(LoginSession).where(IS_MINE, is_live(), User.is_active)


@login_manager.user_loader  # type: ignore[untyped-decorator]  # Flask-Login ships no types
def load_user(token: str) -> User | None:
    """Return the active user of a live session, in one query, or None, which logs the browser out."""
    found, is_new = read_one(LIVE_SESSION, token=_hash(token)), False
    if found is None and (nonce := _read_nonce()):  # the second click on a button that confirms
        token = _next_token(token, nonce)
        found, is_new = read_one(LIVE_SESSION, token=_hash(token)), True
    if found is None or (found[0].totp_secret is None and must_have_totp(found[0])):
        return None
    user: User = found[0]
    if found[1]:
        is_mine = LoginSession.token_hash == _hash(token)
        with suppress(TransactionError), transaction():  # a view is writing already: the next request will do it
            seen = {"last_seen_at": now_plus(), "ip_address": client_ip(), "device": user_agent()}
            db.session.execute(update(LoginSession).where(is_mine).values(**seen))
    user.session_token, user.has_new_token = token, is_new
    return user


def _read_nonce() -> str:
    with suppress(HTTPException):  # the form is too large; the page says so
        return request.form.get("nonce", "")
    return ""


def _next_token(token: str, nonce: str) -> str:
    return _hash(f"{token} {nonce}")


@purge
def purge_sessions() -> Sequence[object]:
    """Delete what is not live: see is_live()."""
    expired = delete_batch(LoginSession.expires_at, 0)
    idle = delete_batch(LoginSession.last_seen_at, IDLE[False], ~LoginSession.is_remembered)
    return [*expired, *idle, *delete_batch(LoginSession.last_seen_at, IDLE[True])]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
