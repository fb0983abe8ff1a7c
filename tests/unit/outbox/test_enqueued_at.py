"""The day that a job is about: that of its row, on whatever day it is tried."""

from datetime import timedelta

from flaskcelery.database import database_now
from flaskcelery.outbox import delivery
from flaskcelery.outbox.tasks import enqueued_at
from tests.unit.conftest import change, load
from tests.unit.outbox.conftest import Job


def test_a_job_that_is_retried_on_another_day_knows_when_it_was_enqueued(job: Job) -> None:
    seen = []

    def work() -> None:
        seen.append(enqueued_at())
        raise KeyError("typo")

    job.work = work
    row_id = job.enqueue()
    change(row_id, created_at=-86400.0)
    for _ in range(2):
        change(row_id, due_at=0.0)
        delivery.deliver(row_id)
    assert seen == [load(row_id).created_at] * 2


def test_outside_of_a_job_it_is_now(job: Job) -> None:
    assert database_now() - enqueued_at() < timedelta(seconds=5)
