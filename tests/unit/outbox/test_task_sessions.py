"""How a task leaves its session: its result is recorded all the same, and work that nothing commits is loud."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest
from flask import Flask
from sqlalchemy.exc import InternalError, OperationalError

from flaskcelery.database import db, transaction
from flaskcelery.errors import TaskFailed
from flaskcelery.outbox import delivery, statements
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.tasks import TASKS, OutboxTask
from flaskcelery.users.models import User
from tests.unit.conftest import load

Run = Callable[[Callable[[], None]], OutboxRow]


@pytest.fixture
def run(quiet_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what delivers a row whose task does this, and returns the row."""

    def deliver(work: Callable[[], None]) -> OutboxRow:
        monkeypatch.setitem(TASKS, "work", OutboxTask("work", work))
        with transaction():
            row_id = TASKS["work"].enqueue().id
        delivery.deliver(row_id)
        return load(row_id)

    return deliver


def leave_a_change() -> None:
    db.session.add(User(username="alice"))


def test_work_that_nothing_commits_is_not_taken_for_done(run: Run) -> None:
    row = run(leave_a_change)
    assert (row.state, str(row.error).partition(":")[0]) == ("pending", "TransactionError")


def test_a_failure_is_recorded_although_changes_were_left_behind(run: Run) -> None:
    def work() -> NoReturn:
        leave_a_change()
        raise TaskFailed("no such file")

    row = run(work)
    assert (row.state, row.error) == ("failed", "no such file")


@pytest.mark.parametrize("kind", [InternalError, OperationalError])
def test_a_task_is_done_although_postgres_has_ended_its_idle_connection(
    run: Run, monkeypatch: pytest.MonkeyPatch, kind: type[InternalError]
) -> None:
    def work() -> None:
        session = db.session()
        session.connection()
        commit = session.commit

        def fail_once() -> NoReturn:
            monkeypatch.setattr(session, "commit", commit)
            session.rollback()
            raise kind("COMMIT", {}, Exception("idle-in-transaction timeout"))

        monkeypatch.setattr(session, "commit", fail_once)

    assert run(work).state == "done"


def test_a_claim_that_cannot_be_lengthened_is_given_up(quiet_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has claimed the row while the database was away."""
    monkeypatch.setitem(TASKS, "work", OutboxTask("work", lambda: None, queue="jobs", time_limit=3600))
    with transaction():
        row_id = TASKS["work"].enqueue().id
    original = statements.execute_alone

    def claim_and_lose(statement: object, **values: object) -> object:
        found = original(statement, **values)  # type: ignore[arg-type]
        with transaction():
            db.session.get_one(OutboxRow, row_id).attempts += 1
        return found

    monkeypatch.setattr(statements, "execute_alone", claim_and_lose)
    assert delivery.claim(row_id) is None
