"""What monitors ask: whether this process can serve visitors, and the outbox's figures, read from its tables."""

import functools
import logging
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from flaskcelery.config.settings import MIGRATIONS
from flaskcelery.database import db
from flaskcelery.metrics import metrics
from flaskcelery.outbox.publisher import BrokerAway, Publisher
from flaskcelery.outbox.queries import count_states, find_oldest_pending, read_totals

RECENT = 1  # seconds
LONGEST_CHECK = 15  # seconds: a connection and two statements that time out, and the broker

logger = logging.getLogger(__name__)

# Done rows are never counted: there can be a million of them.
FIGURES: dict[str, tuple[type[GaugeMetricFamily | CounterMetricFamily], str]] = {
    "pending": (GaugeMetricFamily, "Pending emails"),
    "due": (GaugeMetricFamily, "Pending emails that are due now"),
    "failed": (GaugeMetricFamily, "Emails that have failed permanently"),
    "oldest_pending_seconds": (GaugeMetricFamily, "Age of the oldest pending email"),
    "jobs_due": (GaugeMetricFamily, "Pending jobs that are due now"),
    "jobs_failed": (GaugeMetricFamily, "Jobs that have failed permanently"),
    "sent": (CounterMetricFamily, "Emails that the mail server accepted"),
    "retried": (CounterMetricFamily, "Attempts after a row's first one"),
    "late_results": (CounterMetricFamily, "Results recorded after the lease ended: possible duplicate emails"),
}


@dataclass
class Readiness:
    """Whether visitors can be served: `problem` is empty then. Without the broker they can, but emails are late."""

    problem: str = ""
    broker: str = "up"
    oldest_pending_seconds: float | None = None


def check_readiness() -> Readiness:
    """Ask the database for its migrations and the oldest pending row, then the broker for its queue."""
    found = Readiness()
    try:
        if set(MigrationContext.configure(db.session.connection()).get_current_heads()) != latest_heads():
            found.problem = "the database's tables are not this release's: flask db upgrade"
        else:
            age = find_oldest_pending()
            found.oldest_pending_seconds = age.total_seconds() if age else None
    except SQLAlchemyError as error:
        found.problem = "the database does not answer"
        logger.warning("Not ready: %s", type(error).__name__)
    publisher: Publisher = current_app.extensions["publisher"]
    try:
        publisher.count_waiting()
    except BrokerAway:
        found.broker = "away"
    return found


class RecentReadiness:
    """The readiness of at most a second ago, so that monitors and attackers cost one check a second in each process.

    One thread checks; the others take the last answer meanwhile, unless that is old, and do not wait.
    """

    def __init__(self) -> None:
        self._lock, self._found, self._ends_at = threading.Lock(), Readiness(), -math.inf

    def read(self) -> Readiness:
        is_old = time.monotonic() > self._ends_at + LONGEST_CHECK
        if self._lock.acquire(blocking=is_old):
            try:
                if time.monotonic() > self._ends_at:
                    self._found = check_readiness()
                    self._ends_at = time.monotonic() + RECENT
            finally:
                self._lock.release()
        return self._found


@functools.cache
def latest_heads() -> set[str]:
    return set(ScriptDirectory(str(MIGRATIONS)).get_heads())


class Tables(Collector):
    """The outbox's figures, read from its tables at each scrape."""

    def collect(self) -> Iterator[Metric]:
        """Yield every figure, or only `database_up 0` when the database is away."""
        try:
            oldest = find_oldest_pending()
            age = oldest.total_seconds() if oldest else 0.0
            states = count_states("pending", "due", "failed", "jobs_due", "jobs_failed")
            figures = {"oldest_pending_seconds": age, **states, **read_totals()}
        except SQLAlchemyError as error:
            figures = {}
            logger.warning("Cannot read the outbox's figures: %s", type(error).__name__)
        yield GaugeMetricFamily("flaskcelery_database_up", "Whether the database answers", 1 if figures else 0)
        for name, (family, help_text) in FIGURES.items() if figures else ():
            yield family(f"flaskcelery_outbox_{name}", help_text, figures.get(name, 0))


def render_metrics() -> bytes:
    return generate_latest(Tables()) + metrics().render()
