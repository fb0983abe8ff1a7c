"""The worker's heartbeat: a worker that answers lives, an unresponsive one ends, and a lost broker ends none."""

import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery.contrib.testing.mocks import TaskMessage
from celery.worker.request import Request
from celery.worker.state import reset_state, total_count
from flask import Flask

from flaskcelery.outbox import heartbeat
from flaskcelery.outbox.publisher import BrokerAway

WORKER = "celery@test"


class Ended(Exception):
    """Stands in for the end of the process."""


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


@pytest.fixture
def answers() -> Iterator[Counter[str]]:
    """Return Celery's count of the tasks that the worker's pool has started."""
    reset_state()
    yield total_count
    reset_state()


def watch(app: Flask, monkeypatch: pytest.MonkeyPatch, on_beat: Callable[[int], None]) -> int:
    """Watch a worker until it ends; return how many beats it was sent."""
    beats: list[uuid.UUID] = []

    def publish(_task: str, beat: uuid.UUID, queue: str) -> None:
        assert queue == f"outbox.heartbeat.{WORKER}"
        beats.append(beat)
        on_beat(len(beats))

    monkeypatch.setattr(app.extensions["publisher"], "publish", publish)
    with pytest.raises(Ended):
        heartbeat.end_when_unresponsive(app, WORKER)
    return len(beats)


def test_a_worker_that_answers_no_heartbeat_ends(
    app: Flask, signals: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert watch(app, monkeypatch, lambda _: None) < 60
    assert not (Path(app.instance_path) / f"{WORKER}.alive").exists()
    assert signals == [signal.SIGQUIT]
    assert "consumes nothing although the broker takes messages" in caplog.text


def test_a_worker_that_answers_lives_until_it_stops_to(
    app: Flask, signals: list[int], monkeypatch: pytest.MonkeyPatch, answers: Counter[str]
) -> None:
    def answer(beat: int) -> None:
        if beat <= 100:
            answers.update({"any": 1})

    assert watch(app, monkeypatch, answer) > 100
    assert (Path(app.instance_path) / f"{WORKER}.alive").exists()


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


def test_any_task_that_a_pool_process_starts_is_an_answer(app: Flask, answers: Counter[str]) -> None:
    message = TaskMessage(heartbeat.HEARTBEAT, args=["any"])
    request = Request(message, app=app.extensions["celery"], hostname=WORKER)
    assert not answers
    request.on_accepted(os.getpid(), time.monotonic())
    assert answers.total() == 1
