"""The worker's heartbeat: a worker that answers lives, an unresponsive one ends, and a lost broker ends none."""

import signal
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from celery.signals import task_prerun
from flask import Flask

from flaskcelery.outbox import heartbeat
from flaskcelery.outbox.publisher import BrokerAway

WORKER = "celery@test"


class Ended(Exception):
    """Stands in for the end of the process."""


@pytest.fixture(autouse=True)
def no_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the tasks, among which can be jobs that take minutes."""
    monkeypatch.setattr(heartbeat, "TASKS", {})


@pytest.fixture
def signals(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the signals that the worker has sent itself; time is short and its end is an exception."""
    sent: list[int] = []

    def leave(_code: int) -> None:
        raise Ended

    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(heartbeat, "GRACE", 0.1)
    monkeypatch.setitem(app.config, "TASK_TIME_LIMIT", 0.1)
    monkeypatch.setattr(heartbeat.os, "kill", lambda _pid, number: sent.append(number))
    monkeypatch.setattr(heartbeat.os, "_exit", leave)
    return sent


def watch(app: Flask, monkeypatch: pytest.MonkeyPatch, on_beat: Callable[[int], None]) -> int:
    """Watch a worker until it ends; return how many beats it was sent."""
    beats: list[uuid.UUID] = []

    def publish(_task: str, beat: uuid.UUID, queue: str) -> None:
        assert queue == f"outbox.heartbeat.{WORKER}"
        beats.append(beat)
        on_beat(len(beats))

    monkeypatch.setattr(app.extensions["publisher"], "publish", publish)
    with pytest.raises(Ended):
        heartbeat.Heartbeat(app, WORKER).run()
    return len(beats)


def test_a_worker_that_answers_no_heartbeat_ends(
    app: Flask, signals: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert watch(app, monkeypatch, lambda _: None) < 60
    assert signals == [signal.SIGQUIT]
    assert "consumes nothing although the broker takes messages" in caplog.text


def test_a_worker_that_answers_lives_until_it_stops_to(
    app: Flask, signals: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(app.instance_path) / f"{WORKER}.answer"

    def answer(beat: int) -> None:
        if beat <= 100:
            path.unlink(missing_ok=True)
            path.write_text(str(beat))

    assert watch(app, monkeypatch, answer) > 100


def test_a_lost_broker_ends_no_worker(app: Flask, signals: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(beat: int) -> None:
        if beat <= 100:
            raise BrokerAway

    assert watch(app, monkeypatch, lose) > 100


def test_a_warm_stop_that_hangs_is_ended_soon_after_the_longest_task(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(heartbeat.os, "_exit", lambda _code: ended.set())
    monkeypatch.setattr(heartbeat, "STOP_GRACE", 0.1)
    monkeypatch.setitem(app.config, "TASK_TIME_LIMIT", 0.1)
    heartbeat.bound_stop(app)
    assert not ended.is_set()
    assert ended.wait(5)


def test_any_task_that_starts_is_an_answer(app: Flask) -> None:
    task = app.extensions["celery"].tasks[heartbeat.HEARTBEAT]
    task.push_request(hostname=WORKER)
    task_prerun.send(task, task_id="any", task=task)
    assert (Path(app.instance_path) / f"{WORKER}.answer").exists()
    task.pop_request()
