"""What Prometheus is told: the outbox as its tables are now, and what the web processes have counted."""

import logging
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from flaskcelery.metrics import metrics
from flaskcelery.outbox.queries import count_states, find_oldest_pending, read_totals

logger = logging.getLogger(__name__)

# Never a count of done rows: there may be a million of them.
GAUGES = {
    "pending": "Rows that are owed",
    "due": "Owed rows that are due now",
    "failed": "Rows that have failed for good",
}
COUNTERS = {
    "sent": "Mails that the mail server took",
    "retried": "Attempts after the first one",
    "late_results": "Outcomes that came after the lease was lost: a mail may have gone out twice",
}


class Tables(Collector):
    """Reads the tables when it is asked."""

    def collect(self) -> Iterator[Metric]:
        """Yield the outbox's figures; without the database, only that it is away."""
        try:
            counts, oldest, totals = count_states(*GAUGES), find_oldest_pending(), read_totals()
        except SQLAlchemyError as error:
            logger.warning("No figures of the outbox: %s", type(error).__name__)
            yield GaugeMetricFamily("flaskcelery_database_up", "Whether the database answers", 0)
            return
        yield GaugeMetricFamily("flaskcelery_database_up", "Whether the database answers", 1)
        for name, help_text in GAUGES.items():
            yield GaugeMetricFamily(f"flaskcelery_outbox_{name}", help_text, counts[name])
        age = oldest.total_seconds() if oldest else 0.0
        yield GaugeMetricFamily("flaskcelery_outbox_oldest_pending_seconds", "Age of the oldest owed row", age)
        for name, help_text in COUNTERS.items():
            yield CounterMetricFamily(f"flaskcelery_outbox_{name}", help_text, totals.get(name, 0))


def render_metrics() -> bytes:
    """Return all metrics as Prometheus reads them."""
    tables = CollectorRegistry()
    tables.register(Tables())
    return generate_latest(tables) + metrics().render()
