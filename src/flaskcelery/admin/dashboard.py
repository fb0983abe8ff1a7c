"""The dashboard's figures: what was done in the last days and hours, counted by the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from flaskcelery.database import db, now_plus
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.users.models import User

DAY, HOUR = "%Y-%m-%d", "%Y-%m-%d %H"
LENGTHS = {DAY: 10, HOUR: 13}
DAYS, HOURS = 30, 48


@dataclass(frozen=True)
class Chart:
    """A row of bars: a label and a count for each day or hour, the oldest first."""

    title: str
    bars: list[tuple[str, int]]

    @property
    def highest(self) -> int:
        """Return the count of the highest bar, at least 1."""
        return max(1, *(count for _, count in self.bars))

    @property
    def total(self) -> int:
        """Return the sum of all bars."""
        return sum(count for _, count in self.bars)


class moment_text(FunctionElement[str]):  # noqa: N801  an SQL function
    """A time as text in UTC, `2026-01-31 23:59`: its beginning names the day or the hour."""

    inherit_cache = True
    type = String()


@compiles(moment_text, "postgresql")
def _postgres_text(element: moment_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"


@compiles(moment_text, "sqlite")
def _sqlite_text(element: moment_text, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)  # it is stored so


def find_charts() -> list[Chart]:
    """Return the charts, in three queries."""
    now: datetime = db.session.execute(select(now_plus())).scalar_one()
    return [
        Chart("Sign-ups a day", count_by(User.joined_at, DAY, now, DAYS, timedelta(days=1))),
        Chart("Mails sent an hour", count_by(OutboxRow.done_at, HOUR, now, HOURS, timedelta(hours=1))),
        Chart("Mails failed an hour", count_by(OutboxRow.failed_at, HOUR, now, HOURS, timedelta(hours=1))),
    ]


def count_by(column: Any, unit: str, now: datetime, number: int, step: timedelta) -> list[tuple[str, int]]:
    """Return how many rows have a time in each of the last `number` days or hours."""
    label: ColumnElement[str] = func.substr(moment_text(column), 1, LENGTHS[unit])
    since = now - step * (number - 1)
    query = select(label, func.count()).where(column >= since.replace(minute=0, second=0)).group_by(label)
    found: dict[str, int] = dict(db.session.execute(query).tuples().all())
    labels = [(now - step * back).strftime(unit) for back in reversed(range(number))]
    return [(text, found.get(text, 0)) for text in labels]
