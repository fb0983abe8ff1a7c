"""What machines of links play with: a clock that can be moved, and the account that a link depends on."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from sqlalchemy import event

from flaskcelery.app import create_app
from flaskcelery.database import db
from tests.conftest import close

HOUR = 3600
LIVES = {"reset": HOUR, **dict.fromkeys(("confirm", "change", "undo", "disown"), 7 * 24 * HOUR)}
IDLE, OLD = 12 * HOUR, 14 * 24 * HOUR
# What a link depends on: it dies with any of these.
FATE = {
    "reset": ("active", "password", "logins", "email"),
    "confirm": ("active", "email", "confirmed"),
    "change": ("active", "email", "password", "pending"),
    "undo": ("active", "email", "previous", "changed"),
    "disown": ("active", "email", "forgotten"),
}


class Clock:
    """The database's clock, some seconds ahead."""

    ahead = 0

    def strftime(self, form: str, moment: str, *changes: str) -> str | None:
        """Answer as SQLite does, but for `now`."""
        changes = (f"+{self.ahead} seconds", *changes) if moment == "now" else changes
        marks = ", ?" * len(changes)
        with sqlite3.connect(":memory:") as other:
            answer: str | None = other.execute(f"SELECT strftime(?, ?{marks})", (form, moment, *changes)).fetchone()[0]
        other.close()
        return answer


@dataclass
class Link:
    """A link that was mailed: what it is for, when it was made, and the account's state then."""

    kind: str
    path: str
    made: int
    state: tuple[Any, ...]


def run_machine(machine: type[RuleBasedStateMachine], environ: dict[str, str], steps: int) -> None:
    """Run a machine's rules in twelve random orders, on an application whose database has a clock of its own."""
    app, clock = create_app(environ), Clock()
    with app.app_context():
        event.listen(
            db.engine, "connect", lambda connection, _: connection.create_function("strftime", -1, clock.strftime)
        )
    bounded = settings(
        max_examples=12,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(type("Machine", (machine,), {"app": app, "clock": clock}), settings=bounded)
    close(app)
