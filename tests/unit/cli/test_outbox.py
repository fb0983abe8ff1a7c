"""`flask outbox ...`: what an operator sees and does."""

import uuid

import pytest
from flask import Flask
from sqlalchemy import select

from flaskcelery.audit.events import Event
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import db
from flaskcelery.outbox.models import OutboxRow
from tests.unit.conftest import Failing, change, load, seconds_until_due


@pytest.fixture
def run(quiet_app: Flask):  # type: ignore[no-untyped-def]
    """Return what runs `flask outbox` with arguments and returns its output; an exit code stands in front."""

    def call(*args: object) -> str:
        result = quiet_app.test_cli_runner().invoke(args=["outbox", *map(str, args)])
        return result.output if result.exit_code == 0 else f"{result.exit_code}: {result.output}"

    return call


def test_status_counts_and_tells_the_oldest_age(run, pending_row: uuid.UUID) -> None:  # type: ignore[no-untyped-def]
    change(pending_row, created_at=-120.0)
    lines = [line.split() for line in run("status").splitlines()]
    assert lines[:5] == [["pending", "1"], ["due", "1"], ["running", "0"], ["failed", "0"], ["done", "0"]]
    assert lines[5:7] == [["jobs_pending", "0"], ["jobs_due", "0"]]
    assert lines[10][0] == "oldest"
    assert 119 < int(lines[10][1]) < 125


def test_list_and_show_tell_what_is_wrong_with_a_row(run, pending_row: uuid.UUID) -> None:  # type: ignore[no-untyped-def]
    assert str(pending_row) in run("list")
    assert run("list", "--state", "failed") == ""
    change(pending_row, failed_at=0.0, error="RCPT: 550 no such user")
    assert "550 no such user" in run("list", "--state", "failed")
    assert "550 no such user" in run("show", pending_row)
    assert run("show", uuid.uuid4()).startswith("1: Error: No row has this id.")


def test_retry_makes_a_waiting_row_due_now_but_not_one_that_a_process_works_on(run, pending_row: uuid.UUID) -> None:  # type: ignore[no-untyped-def]
    change(pending_row, due_at=1800.0, attempts=3)
    expires_at = load(pending_row).expires_at
    assert run("retry", pending_row) == "Retrying: 1\n"
    assert seconds_until_due(pending_row) <= 0
    assert (load(pending_row).attempts, load(pending_row).expires_at) == (3, expires_at)
    change(pending_row, due_at=1800.0, progress=0)
    assert run("retry", pending_row).startswith("1: Error: No failed or waiting row has this id.")
    change(pending_row, done_at=0.0, progress=None)
    assert run("retry", pending_row).startswith("1: Error: No failed or waiting row has this id.")
    assert run("retry", "--all-failed") == "Retrying: 0\n"


def test_retry_gives_failed_rows_new_time(run, pending_row: uuid.UUID) -> None:  # type: ignore[no-untyped-def]
    change(pending_row, failed_at=0.0, expires_at=-1.0, attempts=7)
    assert run("retry", pending_row) == "Retrying: 1\n"
    row = load(pending_row)
    assert (row.failed_at, row.attempts) == (None, 7)
    assert row.expires_at > row.due_at
    change(pending_row, failed_at=0.0)
    assert run("retry", "--all-failed") == "Retrying: 1\n"
    assert run("retry").startswith("2: ")
    assert run("retry", pending_row, "--all-failed").startswith("2: ")


def test_many_failed_rows_are_retried_in_batches(  # type: ignore[no-untyped-def]
    run, failing_task: type[Failing], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("retention", "admin.operations"):
        monkeypatch.setattr(f"flaskcelery.{module}.PURGED_PER_PASS", 2)
    for _ in range(5):
        change(failing_task.enqueue(None), failed_at=0.0)
    assert run("retry", "--all-failed") == "Retrying: 5\n"
    assert run("list", "--state", "failed") == ""
    assert db.session.scalars(select(AuditEvent.detail)).all() == ["2 emails", "2 emails", "1 emails"]


def test_a_retry_is_audited_in_the_same_transaction(  # type: ignore[no-untyped-def]
    run, pending_row: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(pending_row, failed_at=0.0)
    run("retry", pending_row)
    change(pending_row, failed_at=0.0)
    run("retry", "--all-failed")
    run("retry", "--all-failed")  # finds none
    retried = select(AuditEvent).where(AuditEvent.event == Event.EMAILS_RETRIED).order_by(AuditEvent.id)
    events = [(event.user_id, event.actor_id, event.detail) for event in db.session.scalars(retried)]
    assert events == [(load(pending_row).user_id, None, "1 emails"), (None, None, "1 emails")]

    change(pending_row, failed_at=0.0)
    monkeypatch.setattr("flaskcelery.outbox.queries.record", lambda *_, **__: 1 / 0)
    run("retry", pending_row)
    assert load(pending_row).failed_at is not None


def test_purge_deletes_what_has_been_done_for_long_and_nothing_else(run, pending_row: uuid.UUID) -> None:  # type: ignore[no-untyped-def]
    change(pending_row, done_at=-29 * 86400.0)
    assert run("purge") == "Deleted: 0\n"
    change(pending_row, done_at=None, failed_at=-31 * 86400.0)
    assert run("purge") == "Deleted: 0\n"
    change(pending_row, done_at=-31 * 86400.0, failed_at=None)
    assert run("purge") == "Deleted: 1\n"
    db.session.rollback()
    assert db.session.get(OutboxRow, pending_row) is None


def test_one_pass_of_the_relay_can_be_run_by_hand(run, pending_row: uuid.UUID) -> None:  # type: ignore[no-untyped-def]
    change(pending_row, expires_at=-1.0)
    run("relay")
    assert load(pending_row).failed_at is not None
