"""The dashboard's figures: what was done in the last days and hours, counted by the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select

from flaskcelery.database import db, now_plus, utc_text
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.users.models import User

DAY, HOUR = "%Y-%m-%d", "%Y-%m-%d %H:00"
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
    label: ColumnElement[str] = func.substr(utc_text(column), 1, LENGTHS[unit])
    since = (now - step * (number - 1)).replace(minute=0, second=0, microsecond=0)
    if unit == DAY:
        since = since.replace(hour=0)
    query = select(label, func.count()).where(column >= since).group_by(label)
    found: dict[str, int] = dict(db.session.execute(query).all())
    labels = [(now - step * back).strftime(unit) for back in reversed(range(number))]
    return [(text, found.get(text[: LENGTHS[unit]], 0)) for text in labels]
