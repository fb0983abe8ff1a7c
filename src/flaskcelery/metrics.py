"""What all web processes together count for Prometheus; health/operations.py adds the figures of the tables."""

import os
import shutil
import sys
import time
from pathlib import Path

from flask import Flask, Response, current_app, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        self.requests = Histogram(
            "flaskcelery_http_request_seconds",
            "Requests answered, by view and kind of answer",
            ["endpoint", "status"],
            buckets=SECONDS,
            registry=own,
        )
        self.events = Counter("flaskcelery_events", "Events of the audit trail", ["event"], registry=own)
        self.limit_hits = Counter("flaskcelery_limit_hits", "Tries refused, by limit", ["limit"], registry=own)
        self.bots = Counter("flaskcelery_bots", "Forms of bots, by what gave them away", ["sign"], registry=own)
        self.publish_failures = Counter("flaskcelery_publish_failures", "Rows the broker did not take", registry=own)
        self.breaker_open_until = Gauge(
            "flaskcelery_breaker_open_until_seconds",
            "Unix time until which the broker is not told of rows, after it has failed",
            multiprocess_mode="max",
            registry=own,
        )

    def render(self) -> bytes:
        """Return what all web processes together have counted, as Prometheus reads it."""
        registry = self._registry
        if folder := os.environ.get(SHARED):
            registry = CollectorRegistry()
            MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def init_metrics(app: Flask) -> None:
    if "uwsgi" in sys.modules:
        _share(Path(app.instance_path) / "metrics")
    app.extensions["metrics"] = Metrics()

    @app.before_request
    def note_start() -> None:
        request.environ["flaskcelery.started"] = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        seconds = time.perf_counter() - request.environ.get("flaskcelery.started", time.perf_counter())
        status = f"{response.status_code // 100}xx"
        metrics().requests.labels(request.endpoint or "none", status).observe(seconds)
        return response


def metrics() -> Metrics:
    found: Metrics = current_app.extensions["metrics"]
    return found


def _share(folder: Path) -> None:
    """Let uWSGI's processes count in files of this folder, emptied now that their master loads the application."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    os.environ[SHARED] = str(folder)
    # A file belongs to a worker's number, not to its process, so that one that was started anew counts on.
    values.ValueClass = values.MultiProcessValue(sys.modules["uwsgi"].worker_id)  # type: ignore[no-untyped-call]
