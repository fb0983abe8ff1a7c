"""Metrics for Prometheus: the outbox, read from its tables, and the web processes' counters."""

import logging
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from flaskcelery.metrics import metrics
from flaskcelery.outbox.queries import count_states, find_oldest_pending, read_totals

logger = logging.getLogger(__name__)

# Done rows are never counted: there can be a million of them.
GAUGES = {
    "pending": "Pending rows",
    "due": "Pending rows that are due now",
    "failed": "Rows that have failed permanently",
}
COUNTERS = {
    "sent": "Emails that the mail server accepted",
    "retried": "Attempts after a row's first one",
    "late_results": "Results recorded after the lease ended: possible duplicate emails",
}


class Tables(Collector):
    """Reads the tables at each scrape."""

    def collect(self) -> Iterator[Metric]:
        """Yield the outbox's figures, or only `database_up 0` when the database is away."""
        try:
            counts, oldest, totals = count_states(*GAUGES), find_oldest_pending(), read_totals()
        except SQLAlchemyError as error:
            logger.warning("Cannot read the outbox's figures: %s", type(error).__name__)
            yield GaugeMetricFamily("flaskcelery_database_up", "Whether the database answers", 0)
            return
        yield GaugeMetricFamily("flaskcelery_database_up", "Whether the database answers", 1)
        for name, help_text in GAUGES.items():
            yield GaugeMetricFamily(f"flaskcelery_outbox_{name}", help_text, counts[name])
        age = oldest.total_seconds() if oldest else 0.0
        yield GaugeMetricFamily("flaskcelery_outbox_oldest_pending_seconds", "Age of the oldest pending row", age)
        for name, help_text in COUNTERS.items():
            yield CounterMetricFamily(f"flaskcelery_outbox_{name}", help_text, totals.get(name, 0))


def render_metrics() -> bytes:
    """Return all metrics in Prometheus' text format."""
    tables = CollectorRegistry()
    tables.register(Tables())
    return generate_latest(tables) + metrics().render()
