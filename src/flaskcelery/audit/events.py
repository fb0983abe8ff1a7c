"""Recording, finding and deleting the events of the audit trail."""

import logging
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from flask import current_app
from sqlalchemy import Select, func, insert, or_, select, update

from flaskcelery.audit.models import DETAIL_LENGTH, EMAIL_LENGTH, AuditEvent
from flaskcelery.database import db, now_plus, write
from flaskcelery.logs import mask
from flaskcelery.metrics import metrics
from flaskcelery.retention import DAY, delete_batch, purge
from flaskcelery.web.requests import client_ip, request_id

logger = logging.getLogger(__name__)


class Event(StrEnum):
    """Every event that is recorded; logs and pages show its text."""

    SIGN_UP = "signed up"
    SIGN_UP_REPEATED = "signed up again with the same email"
    IMPORTED = "imported"
    LOG_IN = "logged in"
    LOG_IN_FAILED = "failed login"
    LOG_IN_DISOWNED = "login reported by the account’s owner"
    CONFIRMED = "password or code confirmed"
    LOG_OUT = "logged out"
    SESSION_ENDED = "session ended"
    PASSWORD_CHANGED = "password changed"  # noqa: S105  an event, as the next ones
    WRONG_PASSWORD = "wrong current password"  # noqa: S105
    PASSWORD_SET = "password set by staff"  # noqa: S105
    RESET_REQUESTED = "password reset requested"
    PASSWORD_RESET = "password reset"  # noqa: S105
    CONFIRMATION_REQUESTED = "confirmation email requested"
    EMAIL_CONFIRMED = "email confirmed"
    EMAIL_CHANGE_REQUESTED = "email change requested"
    EMAIL_CHANGED = "email changed"
    EMAIL_CHANGE_UNDONE = "email change undone"
    USERNAME_CHANGED = "username changed"
    DATA_EXPORTED = "data exported"
    WRONG_CODE = "wrong login code"
    TOTP_ENABLED = "two-factor authentication turned on"
    TOTP_DISABLED = "two-factor authentication turned off"
    TOTP_RESET = "two-factor authentication reset by staff"
    TOTP_UNPROVEN = "two-factor removed by a password reset"
    RECOVERY_CODES_RENEWED = "recovery codes renewed"
    RECOVERY_CODE_USED = "recovery code used"
    CREATED = "created by staff"
    CHANGED = "changed by staff"
    ACTIVATED = "activated"
    DEACTIVATED = "deactivated"
    ROLE_CHANGED = "role changed"
    DELETED = "deleted"
    EMAILS_RETRIED = "emails retried"
    JOBS_RETRIED = "jobs retried"
    GIVEN_BACK = "given back to its owner"
    EMAIL_SENT = "email sent by staff"
    ROW_ADDED = "row added by staff"
    ROW_CHANGED = "row changed by staff"
    ROW_DELETED = "row deleted by staff"
    ACCOUNT_CLOSED = "account closed"
    ACCOUNT_ERASED = "account erased"
    ACCOUNT_EXPIRED = "unconfirmed account expired"
    SIGN_UP_REJECTED = "sign-up rejected by the email’s owner"


ADD_EVENT = insert(AuditEvent).returning(AuditEvent.id)


class Actor(NamedTuple):
    """The member of staff who does something to an account or an email."""

    id: int
    name: str


def record(
    event: Event, user_id: int | None = None, email: str = "", detail: str = "", actor: Actor | None = None
) -> int:
    """Add the event's row, with the email masked, and write its log line; return its id. The caller commits."""
    row = {
        "event": event,
        "user_id": user_id,
        "actor_id": actor.id if actor else None,
        "actor_name": actor.name if actor else "",
        "email": mask(email)[:EMAIL_LENGTH] if email else "",
        "ip_address": client_ip(),
        "request_id": request_id(),
        "detail": detail[:DETAIL_LENGTH],
    }
    event_id: int = write(ADD_EVENT, **row).scalar_one()
    metrics().events.labels(event).inc()
    whose = f"{user_id or 'unknown'} {row['email']}".rstrip()
    origin = f"from {row['ip_address'] or 'here'}, request {row['request_id'] or 'none'}"
    about = f", {row['detail']}" if detail else ""
    logger.info("%s: user %s %s%s", event, whose, origin, about)
    return event_id


def select_events(user_id: int) -> Select[AuditEvent]:
    """Return the query for the events of an account, newest first."""
    return select(AuditEvent).where(AuditEvent.user_id == user_id).order_by(AuditEvent.id.desc())


def find_events(user_id: int, limit: int) -> Sequence[AuditEvent]:
    """Return the latest events of an account, newest first."""
    return db.session.scalars(select_events(user_id).limit(limit)).all()


def is_latest(event: Event, user_id: int, event_id: int) -> bool:
    """Return whether no newer event of this kind has happened to the account."""
    newer = select(AuditEvent.id).where(AuditEvent.user_id == user_id, AuditEvent.id > event_id)
    return db.session.scalar(newer.where(AuditEvent.event == event).limit(1)) is None


def count_recent(event: Event, user_id: int, seconds: float) -> int:
    """Return how often this happened to the account in the last `seconds`."""
    mine = (AuditEvent.user_id == user_id, AuditEvent.event == event, AuditEvent.at > now_plus(-seconds))
    return db.session.scalar(select(func.count()).where(*mine)) or 0


def forget_user(user_id: int, limit: int) -> int:
    """Erase the personal data in at most so many of an account's events, but not who of the staff acted.

    Returns in how many: if fewer than `limit`, that was all of it. The caller commits.
    """
    is_personal = or_(AuditEvent.email != "", AuditEvent.ip_address != "", AuditEvent.detail != "")
    mine = select(AuditEvent.id).where(AuditEvent.user_id == user_id, is_personal)
    found = db.session.scalars(mine.limit(limit)).all()
    db.session.execute(update(AuditEvent).where(AuditEvent.id.in_(found)).values(email="", ip_address="", detail=""))
    return len(found)


@purge
def purge_events() -> Sequence[object]:
    return delete_batch(AuditEvent.at, DAY * current_app.config["AUDIT_KEEP_DAYS"])
