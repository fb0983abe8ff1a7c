"""Recurring tasks: each slot is enqueued once, and missed ones are caught up once."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfoNotFoundError

import pytest
from flask import Flask
from sqlalchemy import select, update

from flaskcelery.database import database_now, db, now_plus, transaction
from flaskcelery.outbox import relay, schedule
from flaskcelery.outbox.models import OutboxRow, OutboxSchedule
from flaskcelery.outbox.schedule import SCHEDULES, enqueue_scheduled, every
from flaskcelery.outbox.tasks import TASKS, OutboxTask
from tests.unit.outbox.broker import Broker

DAY = 86400.0
KILLED = """
import os, signal, sys
from sqlalchemy import event
from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.outbox.schedule import SCHEDULES, enqueue_scheduled, every
from flaskcelery.outbox.tasks import task
SCHEDULES.clear()
every("03:00")(task("nightly", queue="jobs")(lambda: None))
with create_app({"INSTANCE_PATH": sys.argv[1]}).app_context():
    @event.listens_for(db.session, sys.argv[2])
    def die(session):
        if "written_to" in session.info and not session.in_nested_transaction():
            os.kill(os.getpid(), signal.SIGKILL)
    enqueue_scheduled()
"""


@pytest.fixture(autouse=True)
def no_schedules() -> Iterator[None]:
    """Let a test have the schedules that it makes, and no others."""
    before = dict(SCHEDULES)
    SCHEDULES.clear()
    yield
    SCHEDULES.clear()
    SCHEDULES.update(before)
    TASKS.pop("nightly", None)


@pytest.fixture
def nightly(quiet_app: Flask, broker: Broker) -> OutboxTask:
    """Return a task that runs at three o'clock each night."""
    TASKS["nightly"] = every("03:00")(OutboxTask("nightly", lambda: None, queue="jobs"))
    return TASKS["nightly"]


def find_keys() -> list[str | None]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxRow.once).where(OutboxRow.task == "nightly")))


def turn_back(seconds: float) -> None:
    """Let the relays have been away for so long."""
    with transaction():
        db.session.execute(update(OutboxSchedule).values(checked_at=now_plus(-seconds)))


def test_a_new_schedule_begins_with_its_next_slot(nightly: OutboxTask) -> None:
    for _ in range(2):
        relay.relay_once(period=5)
    assert find_keys() == []
    assert db.session.scalars(select(OutboxSchedule.task)).all() == ["nightly"]


def test_missed_slots_are_caught_up_once(nightly: OutboxTask) -> None:
    enqueue_scheduled()
    turn_back(3 * DAY)
    relay.relay_once(period=5)
    relay.relay_once(period=5)
    [key] = find_keys()
    missed = datetime.strptime(key or "", "%Y-%m-%dT%H:%M%z")
    assert (missed.hour, missed.minute) == (3, 0)
    assert 2 * DAY - 5 < (database_now() - missed).total_seconds() < 3 * DAY + 5


def test_two_relays_that_see_a_slot_together_enqueue_it_once(
    nightly: OutboxTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue_scheduled()
    turn_back(DAY)
    known = schedule.find_known()
    monkeypatch.setattr(schedule, "find_known", lambda: known)
    enqueue_scheduled()
    enqueue_scheduled()
    assert len(find_keys()) == 1


def test_two_relays_that_see_a_new_schedule_together_do_not_fail(
    nightly: OutboxTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "find_known", dict)
    enqueue_scheduled()
    enqueue_scheduled()


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
def test_a_relay_killed_in_a_slot_leaves_no_row_or_one_and_the_next_relay_leaves_one(
    quiet_app: Flask, nightly: OutboxTask, moment: str
) -> None:
    enqueue_scheduled()
    turn_back(DAY)
    command = [sys.executable, "-c", KILLED, quiet_app.instance_path, moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(find_keys()) == (moment == "after_commit")
    enqueue_scheduled()
    assert len(find_keys()) == 1


@pytest.mark.parametrize("when", ["25:00", "3:60", "3am", "2:30am", "* * *", "0 0 31 2 *", "*/20 * * * * *"])
def test_a_schedule_without_a_time_is_refused(when: str) -> None:
    with pytest.raises(ValueError, match="neither a time"):
        every(when)(OutboxTask("nightly", lambda: None))


def test_a_schedule_of_a_function_that_is_no_task_is_refused() -> None:
    with pytest.raises(TypeError, match="above @task"):
        every("03:00")(lambda: None)  # type: ignore[arg-type]


def test_a_task_has_one_schedule_in_a_zone_that_exists(nightly: OutboxTask) -> None:
    with pytest.raises(ValueError, match="two schedules"):
        every("04:00")(nightly)
    with pytest.raises(ZoneInfoNotFoundError):
        every("04:00", zone="Europe/Atlantis")(OutboxTask("other", lambda: None))


SLOTS = {
    # Summer time begins: 02:30 does not exist, so the task runs at 03:00 by the clock on the wall.
    ("02:30", "2026-03-28T12:00Z"): ["2026-03-29T01:00Z", "2026-03-30T00:30Z"],
    # It ends: 02:30 exists twice, and the task runs at the first one.
    ("02:30", "2026-10-24T12:00Z"): ["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
    ("02:30", "2026-10-25T01:05Z"): ["2026-10-26T01:30Z", "2026-10-27T01:30Z"],  # seen within the second hour
    # What runs each hour does so in each hour that there is.
    ("0 * * * *", "2026-03-29T00:30Z"): ["2026-03-29T01:00Z", "2026-03-29T02:00Z"],
    ("0 * * * *", "2026-10-25T00:30Z"): ["2026-10-25T01:00Z", "2026-10-25T02:00Z"],
}


@pytest.mark.parametrize(("when", "start"), SLOTS)
def test_a_local_time_follows_the_clock_on_the_wall(when: str, start: str) -> None:
    every(when, zone="Europe/Berlin")(OutboxTask("nightly", lambda: None))
    moment, found = datetime.fromisoformat(start), []
    for _ in range(2):
        following = SCHEDULES["nightly"].find_next(moment)
        assert following is not None
        moment = following
        found.append(f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}")
    assert found == SLOTS[when, start]


def test_schedules_are_listed_with_their_last_row_and_next_slot(quiet_app: Flask, nightly: OutboxTask) -> None:
    def run() -> list[str]:
        output = quiet_app.test_cli_runner().invoke(args=["outbox", "schedule"]).output
        headings, values = [re.split("  +", line) for line in output.splitlines()]
        assert headings == ["task", "cron", "zone", "last", "state", "next"]
        return values

    task, cron, zone, last, state, following = run()
    assert (task, cron, zone, last, state) == ("nightly", "0 3 * * *", "UTC", "-", "-")
    assert following.endswith(" 03:00:00")
    enqueue_scheduled()
    turn_back(DAY)
    enqueue_scheduled()
    *_, last, state, _ = run()
    assert last.startswith(f"{database_now():%F}")
    assert state == "pending"


def test_an_operator_runs_a_recurring_task_now(
    quiet_app: Flask, nightly: OutboxTask, caplog: pytest.LogCaptureFixture
) -> None:
    run = quiet_app.test_cli_runner().invoke
    assert run(args=["outbox", "enqueue", "nightly"]).output.startswith("Enqueued: ")
    assert find_keys() == [None]
    assert caplog.messages[0].endswith(" (nightly)")  # neither a user nor a request
    assert "There are: nightly" in run(args=["outbox", "enqueue", "send_welcome_email"]).output
