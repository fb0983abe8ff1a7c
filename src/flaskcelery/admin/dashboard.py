"""The figures and charts of the dashboard, counted by the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, extract, func, select

from flaskcelery.admin.pages import EMAILS, JOBS, USERS, is_email
from flaskcelery.admin.tables import count_rows, format_total
from flaskcelery.database import database_now, db
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.queries import count_states, find_oldest_pending
from flaskcelery.users.models import User
from flaskcelery.web.templates import describe_age

DAYS, HOURS = 30, 48
MAX_USERS = 100_000  # the database counts rows one by one; above, the exact number matters little


@dataclass(frozen=True)
class Chart:
    what: str
    unit: str
    period: str
    bars: list[tuple[str, int]]  # the label and the count of each day or hour, oldest first
    top: int  # the count that is as high as the chart
    tint: str = ""

    @property
    def title(self) -> str:
        return f"{self.what} per {self.unit}"

    @property
    def total(self) -> int:
        return sum(count for _, count in self.bars)

    @property
    def summary(self) -> str:
        peak = f"peak {find_highest(self.bars):,} per {self.unit}"
        return f"{self.total:,} in {self.period}, {peak}" if self.total else f"None in {self.period}"


@dataclass(frozen=True)
class Tile:
    """A figure that links to the list behind it."""

    title: str
    number: str
    note: str
    url: str
    tint: str = ""


def find_charts() -> list[Chart]:
    now, days, hours = database_now(), f"{DAYS} days", f"{HOURS} hours"
    joined = count_by(User.joined_at, "%Y-%m-%d", now, timedelta(days=1), DAYS)
    sent = count_by(
        OutboxRow.done_at, "%Y-%m-%d %H:00", now, timedelta(hours=1), HOURS, is_email(), ~OutboxRow.sent_nothing
    )
    failed = count_by(OutboxRow.failed_at, "%Y-%m-%d %H:00", now, timedelta(hours=1), HOURS, is_email())
    top = find_highest(sent + failed)  # of both charts, so that they can be compared
    return [
        Chart("Sign-ups", "day", days, joined, find_highest(joined)),
        Chart("Emails sent", "hour", hours, sent, top),
        Chart("Emails failed", "hour", hours, failed, top, "bad"),
    ]


def find_highest(bars: list[tuple[str, int]]) -> int:
    return max(number for _, number in bars)


def count_by(
    column: Any, label: str, now: datetime, step: timedelta, number: int, *where: ColumnElement[bool]
) -> list[tuple[str, int]]:
    """Return how many rows have a time in each of the last `number` days or hours."""
    seconds, epoch = int(step.total_seconds()), extract("epoch", column)
    begins = epoch - epoch % seconds
    query = select(begins, func.count()).where(column >= now - step * number, *where).group_by(begins)
    counts: dict[int, int] = dict(db.session.execute(query).all())
    moments = [now - step * age for age in reversed(range(number))]
    return [(each.strftime(label), counts.get(int(each.timestamp()) // seconds * seconds, 0)) for each in moments]


def find_tiles(charts: list[Chart]) -> list[Tile]:
    sign_ups, sent, failed = charts
    counts, oldest = count_states("pending", "failed", "jobs_pending", "jobs_failed"), find_oldest_pending()
    users = format_total(count_rows(select(User.id), MAX_USERS), MAX_USERS)
    waits = f"oldest: {describe_age(oldest)}" if oldest else "none waiting"
    return [
        Tile("Users", users, f"{sign_ups.total:,} new in {sign_ups.period}", USERS.url()),
        Tile("Emails sent", f"{sent.total:,}", f"in {sent.period}", EMAILS.url(state="sent")),
        Tile("Emails pending", f"{counts['pending']:,}", waits, EMAILS.url(state="pending", sort="created_at")),
        Tile(
            "Emails failed",
            f"{counts['failed']:,}",
            f"{failed.total:,} in {failed.period}",
            EMAILS.url(state="failed"),
            "bad" if counts["failed"] else "",
        ),
        *_find_job_tiles(counts["jobs_pending"], counts["jobs_failed"]),
    ]


def _find_job_tiles(pending: int, failed: int) -> list[Tile]:
    tint = "bad" if failed else ""
    return [Tile("Jobs failed", f"{failed:,}", f"{pending:,} pending", JOBS.url(), tint)] if pending or failed else []
