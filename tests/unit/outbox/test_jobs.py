"""Jobs: work that takes long, whose state a page can show, and that only a worker runs."""

import uuid

import pytest
from flask import Flask, current_app
from sqlalchemy import event

from flaskcelery.app import create_app
from flaskcelery.database import TransactionError, db, transaction
from flaskcelery.errors import TaskFailed
from flaskcelery.outbox import delivery, queries
from flaskcelery.outbox.heartbeat import longest_task
from flaskcelery.outbox.relay import MAX_WAITING, relay_once
from flaskcelery.outbox.tasks import TASKS, OutboxTask, report_progress
from tests.unit.conftest import change, load, seconds_until_due
from tests.unit.outbox.broker import Broker
from tests.unit.outbox.conftest import LIMIT, Job

DEFAULT = 60  # seconds


def read(row_id: uuid.UUID) -> tuple[str, int | None]:
    row = load(row_id)
    return row.state, row.progress


def test_a_page_sees_the_state_and_the_percentage_of_a_job(job: Job) -> None:
    seen = []

    def work() -> None:
        seen.append(read(row_id))
        for done in range(4):
            report_progress(done, 4)
            seen.append(read(row_id))

    job.work = work
    row_id = job.enqueue()
    assert read(row_id) == ("pending", None)
    delivery.deliver(row_id)
    assert seen == [("running", percent) for percent in (0, 0, 25, 50, 75)]
    assert read(row_id) == ("done", None)


def test_a_job_that_waits_for_its_next_attempt_is_pending_again(job: Job) -> None:
    def work() -> None:
        report_progress(50)
        raise KeyError("typo")

    job.work = work
    row_id = job.enqueue()
    delivery.deliver(row_id)
    assert read(row_id) == ("pending", None)


def test_a_job_whose_process_was_killed_is_pending_again_when_its_lease_ends(job: Job, broker: Broker) -> None:
    row_id = job.enqueue()
    killed = {"attempts": 1, "progress": 50}
    change(row_id, **killed, due_at=60.0)
    with transaction():
        assert not queries.retry_row(row_id)  # as far as anybody knows, it runs
    change(row_id, due_at=-6.0)
    assert queries.count_states("jobs_running") == {"jobs_running": 0}
    assert read(row_id) == ("pending", 50)  # a page says so, too, before the relay has seen it
    relay_once(period=5)
    assert read(row_id) == ("pending", None)
    change(row_id, **killed)
    with transaction():
        assert queries.retry_row(row_id)
    assert read(row_id) == ("pending", None)


def test_a_job_that_can_never_succeed_fails_with_its_reason(job: Job) -> None:
    def work() -> None:
        raise TaskFailed("the file is\nempty")

    job.work = work
    row_id = job.enqueue()
    delivery.deliver(row_id)
    assert (load(row_id).state, load(row_id).error) == ("failed", "the file is empty")


def test_only_a_new_percentage_is_written(job: Job) -> None:
    statements = []

    def work() -> None:
        event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        for done in range(1000):
            report_progress(done, 1000)

    job.work = work
    delivery.deliver(job.enqueue())
    assert sum("SET progress" in statement for statement in statements) == 99


def test_a_job_whose_worker_was_killed_can_be_released_and_a_row_that_none_runs_stays(
    job: Job, quiet_app: Flask, pending_row: uuid.UUID
) -> None:
    killed, failed = job.enqueue(), job.enqueue()
    change(killed, due_at=900.0, attempts=1, progress=40)
    change(failed, due_at=900.0, attempts=1)
    change(pending_row, due_at=60.0, attempts=1, progress=0)  # an email
    run = quiet_app.test_cli_runner().invoke
    assert run(args=["outbox", "release"]).output == "Released: 1\n"
    assert read(killed) == ("pending", None)
    assert [seconds_until_due(row) <= 0 for row in (killed, failed, pending_row)] == [True, False, False]
    assert run(args=["outbox", "release"]).output == ""


def test_progress_means_nothing_outside_a_job_and_is_loud_inside_a_transaction(job: Job) -> None:
    report_progress(50)

    def work() -> None:
        with pytest.raises(TransactionError), transaction():
            report_progress(50)

    job.work = work
    row_id = job.enqueue()
    delivery.deliver(row_id)
    assert load(row_id).state == "done"


def test_a_job_that_lost_its_lease_reports_nothing_for_its_successor(job: Job) -> None:
    def work() -> None:
        change(row_id, attempts=2, progress=10)
        report_progress(90)

    job.work = work
    row_id = job.enqueue()
    delivery.deliver(row_id)
    assert read(row_id) == ("running", 10)


def test_the_lease_and_the_limits_of_a_job_follow_from_its_time_limit(job: Job) -> None:
    fresh = create_app({"INSTANCE_PATH": current_app.instance_path}).extensions["celery"]
    assert (fresh.tasks["job"].time_limit, fresh.tasks["send_welcome_email"].time_limit) == (LIMIT, DEFAULT)
    row_id = job.enqueue()
    claimed = delivery.claim(row_id)
    assert claimed is not None
    assert claimed.task_ends == claimed.claimed_at + LIMIT
    assert LIMIT + 30 < seconds_until_due(row_id) <= LIMIT + current_app.config["TASK_TIME_LIMIT"]


def test_a_worker_is_given_as_long_as_the_longest_task_of_its_queues(job: Job) -> None:
    queues = current_app.extensions["celery"].amqp.queues
    limits = []
    for names in (["outbox", "urgent"], ["jobs"]):
        queues.select(names)
        limits.append(longest_task(current_app))  # type: ignore[arg-type]  # a proxy
    queues.select(["outbox", "urgent", "jobs"])
    longest = max(task.time_limit or 0 for task in TASKS.values())  # a product can have longer jobs
    assert limits == [current_app.config["TASK_TIME_LIMIT"], longest]


@pytest.mark.parametrize("options", [{"queue": "reports"}, {"time_limit": 600}])
def test_a_task_has_a_queue_that_exists_and_a_limit_only_if_it_is_a_job(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="queue"):
        OutboxTask("report", lambda: None, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_down", [False, True], ids=["broker", "no broker"])
def test_the_relay_publishes_a_job_but_never_runs_it(job: Job, broker: Broker, is_down: bool) -> None:
    row_id = job.enqueue()
    broker.is_down = is_down
    change(row_id, due_at=-3600.0, created_at=-3600.0)  # an email would be stale
    relay_once(period=5)
    assert broker.published == ([] if is_down else [row_id])
    assert load(row_id).attempts == 0


def test_a_job_that_no_worker_takes_expires(job: Job, broker: Broker) -> None:
    row_id = job.enqueue()
    change(row_id, due_at=-3600.0, expires_at=-1.0)
    relay_once(period=5)
    assert (load(row_id).state, load(row_id).error) == ("failed", "expired before delivery")


def test_a_queue_full_of_jobs_delays_no_email(job: Job, broker: Broker, pending_row: uuid.UUID) -> None:
    row_id = job.enqueue()
    for each in (row_id, pending_row):
        change(each, due_at=-6.0)
    broker.waiting_jobs = MAX_WAITING
    relay_once(period=5)
    assert broker.published == [pending_row]
    broker.waiting, broker.waiting_jobs = MAX_WAITING, 0
    change(pending_row, due_at=60.0)
    relay_once(period=5)
    assert broker.published == [pending_row, row_id]
