"""The people of the site that is looked at, and what they have done: some ordinary, some that no page expects."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import insert

from flaskcelery.audit.events import Event
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import Base, db
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.users.models import LoginSession, RecoveryCode, User
from flaskcelery.users.names import make_names
from flaskcelery.users.passwords import hasher
from flaskcelery.users.two_factor import make_secret
from tests.integration.visitor import PASSWORD

FIRST = "ada ben clara dan eva finn gina hugo ida jonas kira leo mia noah olga paul rita sam tara uma vera will"
LAST = "adler brook castro dean evans frost gray hill irwin jones keller"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15"
LONGEST = "w" * 75 + "m" * 75
LONG_EMAIL = f"{'m' * 64}@{'w' * 60}.{'m' * 60}.{'w' * 59}.example"
RTL = "مستخدمة_الموقع"
BUSY, MANY = "busy", 30  # a person with so many devices and emails
REFUSED = "550 5.1.1 The email account that you tried to reach does not exist. Please check the address for typos."

# Each person's columns that differ from an ordinary, confirmed member's. The order is that of the ids.
PEOPLE: dict[str, dict[str, Any]] = {
    "boss": {"is_staff": True},
    "viewer": {"is_viewer": True},
    "alice": {},
    "newcomer": {"email_confirmed_at": None, "confirm_by": timedelta(days=7)},
    "moving": {
        "pending_email": "moving@new.example.com",
        "previous_email": "moving@old.example.com",
        "email_changed_at": timedelta(days=-1),
    },
    BUSY: {},
    "quiet": {},  # has no emails
    "longest": {"username": LONGEST, "email": LONG_EMAIL, "pending_email": LONG_EMAIL.replace("m", "n")},
    "rtl": {"username": RTL, "email_confirmed_at": None},
    "locked": {"is_active": False},
    "guarded": {},
    "half": {},
}
WITH_APP = ("guarded", "half")  # have an authenticator app


def email_of(name: str) -> str:
    """Return a person's email."""
    return str(PEOPLE.get(name, {}).get("email", f"{name}@example.com"))


class Sample:
    """Writes rows; every moment is told as a time before or after now, and the same each time."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.random = random.Random(8)
        self.hash = hasher().hash(PASSWORD)

    def write(self) -> None:
        """Write all of it."""
        self._insert(User, self._users())
        self._insert(OutboxRow, self._emails())
        self._insert(LoginSession, self._sessions())
        self._insert(AuditEvent, self._events())
        self._insert(RecoveryCode, self._recovery_codes())
        db.session.commit()

    def _insert(self, model: type[Base], rows: Iterator[dict[str, Any]]) -> None:
        def at(value: Any) -> Any:
            return self.now + value if isinstance(value, timedelta) else value

        moments = [{name: at(value) for name, value in row.items()} for row in rows]
        names = {name for row in moments for name in row}
        db.session.execute(insert(model), [{**dict.fromkeys(names), **row} for row in moments])

    def _users(self) -> Iterator[dict[str, Any]]:
        names = [f"{first}.{last}" for first in FIRST.split() for last in LAST.split()]
        self.random.shuffle(names)
        for number, name in enumerate([*PEOPLE, *names], 1):
            columns = PEOPLE.get(name, {})
            joined = timedelta(days=-90) if name in PEOPLE else timedelta(days=-31 * self.random.random() ** 1.5)
            yield {
                **make_names("longest" if name == "longest" else name, f"{name}@example.com"),
                "is_active": True,
                "is_staff": False,
                "is_viewer": False,
                "is_mailbox_lost": False,
                "joined_at": joined,
                "last_login_at": joined * self.random.random(),
                "email_confirmed_at": joined + timedelta(minutes=5) if number % 9 else None,
                "password_hash": self.hash,
                **columns,
                **({"email_key": LONG_EMAIL} if name == "longest" else {}),
                **({"totp_secret": make_secret(), "totp_enabled_at": joined} if name in WITH_APP else {}),
            }

    def _emails(self) -> Iterator[dict[str, Any]]:
        alice, busy, quiet = (list(PEOPLE).index(name) + 1 for name in ("alice", BUSY, "quiet"))
        for number in range(1, len(PEOPLE) + len(FIRST.split()) * len(LAST.split()) + 1):
            if number != quiet:
                yield self._email(number, "send_welcome_email", hours=47 * self.random.random())
        for number in range(MANY):
            yield self._email(busy, "send_password_reset_email", hours=number)
        for hours, task in ((2, "send_password_changed_email"), (30, "send_password_reset_email")):
            yield self._email(alice, task, hours=hours)

    def _email(self, user_id: int, task: str, hours: float) -> dict[str, Any]:
        """Return an email, one of ten failed, a few on their way."""
        created, number = timedelta(hours=-hours), self.random.randrange(60)
        pending, failed = number == 0, number < 6
        return {
            "id": uuid.UUID(int=self.random.getrandbits(128), version=4),
            "task": task,
            "args": {"user_id": user_id},
            "user_id": user_id,
            "domain": "example.com",
            "created_at": created,
            "due_at": timedelta(hours=3) if pending else created,
            "expires_at": created + timedelta(days=3),
            "attempts": 4 if failed else 1,
            "done_at": None if failed else created + timedelta(seconds=1),
            "failed_at": created + timedelta(minutes=9) if failed and not pending else None,
            "error": REFUSED if failed else None,
        }

    def _sessions(self) -> Iterator[dict[str, Any]]:
        devices = [("alice", device) for device in (WINDOWS, IPHONE, MAC)]
        devices += [(BUSY, device) for device in (WINDOWS, IPHONE, MAC) * (MANY // 3)]
        devices += [("longest", "x" * 200), ("rtl", "")]
        for number, (name, device) in enumerate(devices):
            created = timedelta(days=-1 - number / 4)
            yield {
                "token_hash": f"{number:064x}",
                "user_id": list(PEOPLE).index(name) + 1,
                "created_at": created,
                "last_seen_at": created / 20,
                "expires_at": timedelta(days=60),
                "is_remembered": True,
                "ip_address": f"203.0.113.{number % 250}" if number % 3 else "2001:db8:1234:5678:9abc:def0:1234:5678",
                "device": device,
            }

    def _recovery_codes(self) -> Iterator[dict[str, Any]]:
        for number in range(8):
            yield {"user_id": list(PEOPLE).index("guarded") + 1, "code_hash": f"{number:064x}"}

    def _events(self) -> Iterator[dict[str, Any]]:
        for number in range(120):
            event = self.random.choice([Event.LOG_IN, Event.SIGN_UP, Event.LOG_IN_FAILED, Event.EMAIL_CONFIRMED])
            is_long = number % 40 == 20
            yield {
                "at": timedelta(hours=-1 - number),
                "event": event,
                "user_id": number % 9 + 1,
                "actor_id": 1 if is_long else None,
                "actor_name": LONGEST if is_long else "",
                "email": "a***@example.com",
                "ip_address": f"203.0.113.{number}",
                "request_id": f"{self.random.getrandbits(128):032x}",
                "detail": "d" * 200 if is_long else "",
            }


def write_sample(app: Flask) -> None:
    """Fill an empty database."""
    with app.app_context():
        Sample().write()
        db.session.remove()
