"""A job that takes as long as it is told. `benchmarks.jobs_worker` is the application that knows it."""

import time

from tests.integration.stack import PROCFILE
from tests.processes import Process

from benchmarks.bench import Bench
from flaskcelery.app import create_app
from flaskcelery.database import transaction
from flaskcelery.outbox.tasks import task


@task("sleep", queue="jobs", time_limit=120)
def sleep(seconds: float) -> None:
    """Take this long."""
    time.sleep(seconds)


MODULE = "benchmarks.jobs_worker"
PAUSE = 0.05  # seconds between two jobs, so that none waits for the relay


def start_jobs_worker(bench: Bench) -> Process:
    """Start a worker for jobs, as the Procfile does."""
    worker = bench.site.run("jobs", PROCFILE["jobs"].replace("celery_worker", MODULE))
    worker.wait_for_text("ready.")
    return worker


def start_relay(bench: Bench) -> Process:
    """Start another relay, which is often at work."""
    return bench.site.run(
        "relay2", PROCFILE["relay"].replace("--every 5", "--every 0.5"), FLASK_APP=f"{MODULE}:flask_app"
    )


def enqueue_jobs(settings: dict[str, str], count: int, seconds: float) -> None:
    """Enqueue so many jobs that take so many seconds each."""
    with create_app({**settings, "LOG_LEVEL": "ERROR"}).app_context():
        for _ in range(count):
            with transaction():
                sleep.enqueue(seconds=seconds)
            time.sleep(PAUSE)
