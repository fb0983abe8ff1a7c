"""Every figure of the outbox moves when it should, and by command, too."""

import json
import uuid

from flask import Flask

from flaskcelery.database import db, now_plus
from flaskcelery.outbox.delivery import claim, deliver, record
from tests.unit.conftest import Failing, change


def scrape(app: Flask) -> dict[str, float]:
    """Return what Prometheus reads of the outbox."""
    db.session.rollback()
    lines = app.test_client().get("/metrics").text.splitlines()
    found = (line.removeprefix("flaskcelery_outbox_").rpartition(" ") for line in lines if "flaskcelery_outbox" in line)
    return {name: float(value) for name, _, value in found if not name.startswith("#")}


def test_a_row_is_pending_then_due_then_sent(quiet_app: Flask, pending_row: uuid.UUID) -> None:
    assert scrape(quiet_app)["pending"] == scrape(quiet_app)["due"] == 1
    change(pending_row, created_at=-120.0, due_at=60.0)
    waiting = scrape(quiet_app)
    assert (waiting["pending"], waiting["due"]) == (1, 0)
    assert 119 < waiting["oldest_pending_seconds"] < 125
    change(pending_row, due_at=0.0)
    deliver(pending_row)
    done = scrape(quiet_app)
    assert (done["pending"], done["oldest_pending_seconds"], done["sent_total"], done["retried_total"]) == (0, 0, 1, 0)
    status = json.loads(quiet_app.test_cli_runner().invoke(args=["outbox", "status", "--json"]).stdout)
    assert (status["pending"], status["done"], status["sent"], status["oldest"]) == (0, 1, 1, None)


def test_what_is_tried_again_fails_or_has_nothing_to_send_is_told_apart(
    quiet_app: Flask, failing_task: type[Failing]
) -> None:
    row_id = failing_task.enqueue(RuntimeError("broken"))
    deliver(row_id)
    assert scrape(quiet_app)["retried_total"] == 0
    change(row_id, due_at=0.0)
    deliver(row_id)
    assert scrape(quiet_app)["retried_total"] == 1
    change(row_id, failed_at=0.0)
    assert scrape(quiet_app)["failed"] == 1
    deliver(failing_task.enqueue(None))
    assert scrape(quiet_app)["sent_total"] == 0


def test_a_late_result_is_counted_but_not_as_sent(quiet_app: Flask, pending_row: uuid.UUID) -> None:
    first = claim(pending_row)
    assert first
    change(pending_row, due_at=0.0)
    assert claim(pending_row)
    record(first, "sent", done_at=now_plus(), failed_at=None, error=None)
    found = scrape(quiet_app)
    assert (found["late_results_total"], found["sent_total"], found["pending"]) == (1, 0, 1)
