"""What a scenario is: a fault, and what is different while it is tried."""

import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from tests.faults.environment import Postgres, Redis, Sink
from tests.faults.load import Load
from tests.faults.stack import FaultStack

NORMAL = 5.0  # seconds within which an email goes out when all is well
LONG_MAIL_TIMEOUT = {"MAIL_TIMEOUT": "2"}  # where no lease has to end: a busy machine answers no email too late
PATIENCE = 30.0  # seconds within which all is well again

Fault = Generator[None, None, str]


@dataclass
class Environment:
    """All that a fault can get hold of."""

    stack: FaultStack
    redis: Redis
    sink: Sink
    load: Load
    maybe_postgres: Postgres | None
    allowed: int = 0  # events inside the one window: each may cost a second email

    @property
    def postgres(self) -> Postgres:
        """Return the Postgres that this scenario runs on."""
        assert self.maybe_postgres
        return self.maybe_postgres

    def probe(self) -> bool:
        """Let somebody sign up; tell whether the email goes out in normal time."""
        deadline = time.monotonic() + NORMAL
        made = self.load.run(self.load.names(1), "probe")[0]
        done = "outbox JOIN users ON users.id = outbox.user_id WHERE done_at IS NOT NULL AND email"
        while made.status == 302 and time.monotonic() < deadline:
            with suppress(SQLAlchemyError):
                if self.stack.count(f"{done} = '{made.email}'"):
                    return True
            time.sleep(0.05)
        time.sleep(0.2)
        return False


@dataclass
class Scenario:
    """A fault by its name, and what is different while it is tried."""

    name: str
    fault: Callable[[Environment], Fault]
    databases: tuple[str, ...] = ("sqlite", "postgres")
    workers: int = 1
    relays: int = 1
    load: tuple[int, int, int] = (10, 20, 10)  # sign-ups before, during and after the fault
    settings: dict[str, str] = field(default_factory=dict)
    disk: str = ""  # the size of the disk that SQLite's file lies on
    logs: str = ""  # the size of the disk for the application's and nginx's logs, and nginx's temporary files
    may_fail: str = ""  # how the error of a row that may end failed begins
    attempts: int = 8  # how often a row may be tried: no hot loop
    slowest: float = 5.0  # seconds that a sign-up may take
    p99: float = 4.0  # seconds within which 99 of 100 sign-ups are answered
    refuses: bool = False  # sign-ups may be refused: the database or the web server is away


SCENARIOS: dict[str, Scenario] = {}


def scenario(**how: Any) -> Callable[[Callable[[Environment], Fault]], Callable[[Environment], Fault]]:
    """Make a scenario of a generator: it causes a fault, yields while the load runs, heals and returns the proof."""

    def register(fault: Callable[[Environment], Fault]) -> Callable[[Environment], Fault]:
        SCENARIOS[fault.__name__] = Scenario(fault.__name__, fault, **how)
        return fault

    return register
