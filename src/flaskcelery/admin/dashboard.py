"""The charts of the dashboard, counted by the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import extract, func, select

from flaskcelery.database import database_now, db
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.users.models import User

DAYS, HOURS = 30, 48


@dataclass(frozen=True)
class Chart:
    title: str
    bars: list[tuple[str, int]]  # the label and the count of each day or hour, oldest first

    @property
    def highest(self) -> int:
        return max(1, *(count for _, count in self.bars))

    @property
    def total(self) -> int:
        return sum(count for _, count in self.bars)


def find_charts() -> list[Chart]:
    now = database_now()
    return [
        Chart("Sign-ups per day", count_by(User.joined_at, "%Y-%m-%d", now, timedelta(days=1), DAYS)),
        Chart("Emails sent per hour", count_by(OutboxRow.done_at, "%Y-%m-%d %H", now, timedelta(hours=1), HOURS)),
        Chart("Emails failed per hour", count_by(OutboxRow.failed_at, "%Y-%m-%d %H", now, timedelta(hours=1), HOURS)),
    ]


def count_by(column: Any, label: str, now: datetime, step: timedelta, number: int) -> list[tuple[str, int]]:
    """Return how many rows have a time in each of the last `number` days or hours."""
    seconds, epoch = int(step.total_seconds()), extract("epoch", column)
    begins = epoch - epoch % seconds
    query = select(begins, func.count()).where(column >= now - step * number).group_by(begins)
    counts: dict[int, int] = dict(db.session.execute(query).all())
    moments = [now - step * age for age in reversed(range(number))]
    return [(each.strftime(label), counts.get(int(each.timestamp()) // seconds * seconds, 0)) for each in moments]
