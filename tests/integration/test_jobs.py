"""Jobs that take too long, beside emails."""

import statistics
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.database import db, transaction
from flaskcelery.outbox.tasks import TASKS, OutboxTask
from flaskcelery.signup.operations import register
from tests.integration.stack import PROCFILE, Stack
from tests.processes import Process, wait_until
from tests.servers import SmtpServer

MODULE = "tests.integration.slow_jobs"
LIMIT = 14  # seconds
MAIL_TIMEOUT = 0.3  # seconds
WORK = 1.0  # seconds for each email, so that the moment in which a worker looks for messages matters little
LEASE = LIMIT + 6 * MAIL_TIMEOUT + WORK  # as tasks.py has it


@pytest.fixture
def stack(make_stack: Callable[..., Stack]) -> Stack:
    """Return an application that has the slow job, with its relay and its worker for emails."""
    settings = {"MAIL_TIMEOUT": MAIL_TIMEOUT, "SIMULATED_WORK_SECONDS": WORK, "OUTBOX_RETRY_AFTER": 0.1}
    stack = make_stack(**{name: str(value) for name, value in settings.items()})
    stack.settings["JOB_LIMIT"] = str(LIMIT)
    stack.run("relay", PROCFILE["relay"].replace("--every 5", "--every 1"), FLASK_APP=f"{MODULE}:flask_app")
    stack.run("worker", PROCFILE["worker"].replace("celery_worker", MODULE)).wait_for_text("ready.")
    return stack


@pytest.fixture
def jobs(stack: Stack) -> Process:
    """Return the worker for jobs."""
    process = stack.run("jobs", PROCFILE["jobs"].replace("celery_worker", MODULE))
    process.wait_for_text("ready.")
    return process


@pytest.fixture
def app(stack: Stack) -> Iterator[Flask]:
    """Return the application in this process, on the same database and broker."""
    TASKS["sleep_long"] = OutboxTask("sleep_long", lambda: None, queue="jobs", time_limit=LIMIT)
    app = create_app(stack.settings)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
    del TASKS["sleep_long"]


def time_welcomes(smtp_server: SmtpServer, name: str) -> float:
    """Let some people sign up, one after the other; return the median of the seconds until the email is here."""
    seconds = []
    for number in range(5):
        count, started = len(smtp_server.raw), time.monotonic()
        register(f"{name}{number}", f"{name}{number}@example.com", "correct horse")
        smtp_server.wait_for(count + 1)
        seconds.append(time.monotonic() - started)
    return statistics.median(seconds)


@pytest.mark.flaky
def test_slow_jobs_delay_no_email_and_are_killed_and_tried_again_by_their_worker_alone(
    stack: Stack, jobs: Process, app: Flask, smtp_server: SmtpServer, record: Callable[[str], None]
) -> None:
    idle = time_welcomes(smtp_server, "idle")
    with transaction():
        for _ in range(2):
            TASKS["sleep_long"].enqueue()
    started, mine = time.monotonic(), "outbox WHERE task = 'sleep_long' AND done_at IS NULL AND attempts = "
    wait_until(lambda: stack.count(f"{mine} 1 AND progress = 0") == 2, 5, "both jobs run")
    busy = time_welcomes(smtp_server, "busy")
    assert stack.count(f"{mine} 1 AND progress = 0") == 2
    record(f"a welcome email took {idle:.2f} s, {busy:.2f} s beside two slow jobs")
    assert busy <= 1.5 * idle

    parents = stack.folder / "instance" / "parents"
    wait_until(lambda: len(parents.read_text().split()) == 4, LEASE + 10, "both jobs run again")
    assert time.monotonic() - started > LEASE - 1
    assert jobs.log.read_text().count(f"Hard time limit ({LIMIT}s) exceeded") == 2
    assert parents.read_text().split() == [str(jobs.popen.pid)] * 4
