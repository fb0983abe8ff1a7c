"""Login sessions: rows that a random token, hashed at rest, opens."""

import hashlib
import secrets

from flask import current_app
from sqlalchemy import delete, select

from flaskcelery.database import db, now_plus, transaction
from flaskcelery.extensions import login_manager
from flaskcelery.users.models import LoginSession, User


def start_session(user_id: int) -> str:
    """Add a login session, drop expired ones, and return its token, which is kept nowhere. Caller commits."""
    token = secrets.token_urlsafe(32)
    expires_at = now_plus(current_app.permanent_session_lifetime.total_seconds())
    db.session.execute(
        delete(LoginSession).where(LoginSession.user_id == user_id, LoginSession.expires_at <= now_plus())
    )
    db.session.add(LoginSession(token_hash=_hash(token), user_id=user_id, expires_at=expires_at))
    return token


def end_session(token: str) -> None:
    """Log out the browser that holds `token`, and every copy of its cookie."""
    with transaction():
        db.session.execute(delete(LoginSession).where(LoginSession.token_hash == _hash(token)))


@login_manager.user_loader  # type: ignore[untyped-decorator]  # Flask-Login ships no types
def load_user(token: str) -> User | None:
    """Return the active user of a live session, in one query; None logs the browser out."""
    user = db.session.scalar(
        select(User)
        .join(LoginSession)
        .where(LoginSession.token_hash == _hash(token), LoginSession.expires_at > now_plus(), User.is_active)
    )
    if user:
        user.session_token = token
    return user


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
