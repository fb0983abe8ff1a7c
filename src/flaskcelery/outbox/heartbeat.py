"""The worker's pulse: proof that it consumes, and an end for a worker that has stopped to.

Each worker sends itself a beat over the broker, on a queue of its own; a child of its pool that starts any task
touches `instance/<worker's name>.answer`. While answers come, or the broker is away, the worker touches its `.alive`
file, whose age is the probe. A worker whose broker takes beats that it does not answer is deaf (its connection died
unnoticed): it ends, and whoever started it starts it again.
"""

import logging
import os
import signal
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from celery import Task
from celery.signals import celeryd_after_setup, task_prerun, worker_ready, worker_shutting_down
from flask import Flask

from flaskcelery.outbox.publisher import BrokerAway

logger = logging.getLogger(__name__)

HEARTBEAT = "outbox.heartbeat"
HEARTBEAT_SECONDS = 10
STOP_GRACE = 5  # seconds beyond the longest task until a warm stop that hangs is ended
GRACE = 20  # seconds beyond the longest task until a silent worker counts as deaf


def init_heartbeat(app: Flask) -> None:
    """Make every worker of `app` prove that it consumes."""
    celery = app.extensions["celery"]
    celery.task(answer, name=HEARTBEAT)

    def note_start(task: "Task[Any, Any]", **_: Any) -> None:
        if task.app is celery:
            heartbeat_file(app, str(task.request.hostname), "answer").touch()

    def add_queue(sender: str, instance: Any, **_: Any) -> None:
        if instance.app is celery:
            celery.amqp.queues.select_add(f"{HEARTBEAT}.{sender}")

    def start(sender: Any, **_: Any) -> None:
        if sender.app is celery:
            threading.Thread(target=watch, args=(app, sender.hostname), daemon=True).start()

    worker_shutting_down.connect(lambda **_: bound_stop(app), weak=False)
    task_prerun.connect(note_start, weak=False)
    celeryd_after_setup.connect(add_queue, weak=False)
    worker_ready.connect(start, weak=False)


def answer(_beat: str) -> None:
    """Take a beat: that it starts is the answer."""


def heartbeat_file(app: Flask, name: str, kind: str) -> Path:
    """Return the file whose age tells of a worker or relay: `answer` or `alive`."""
    return Path(app.instance_path) / f"{name}.{kind}"


def bound_stop(app: Flask) -> None:
    """Let a warm stop take as long as the longest task, and not much longer."""
    timer = threading.Timer(app.config["TASK_TIME_LIMIT"] + STOP_GRACE, lambda: os._exit(1))
    timer.daemon = True
    timer.start()


def watch(app: Flask, worker: str) -> None:
    """Send beats for ever; end the worker when it has left them unanswered for too long."""
    patience = app.config["TASK_TIME_LIMIT"] + GRACE
    answer_file, alive_file = heartbeat_file(app, worker, "answer"), heartbeat_file(app, worker, "alive")
    answer_file.unlink(missing_ok=True)
    last_answer, last_good, pause = 0.0, time.monotonic(), min(1, HEARTBEAT_SECONDS)
    with app.app_context():
        while time.monotonic() - last_good < patience:
            is_good = False
            try:
                app.extensions["publisher"].publish(HEARTBEAT, uuid.uuid4(), queue=f"{HEARTBEAT}.{worker}")
            except BrokerAway:
                is_good = True  # nothing to prove while the broker is away
            time.sleep(pause)
            pause = HEARTBEAT_SECONDS
            answered = answer_file.stat().st_mtime if answer_file.exists() else 0.0
            if is_good or answered != last_answer:
                last_answer, last_good = answered, time.monotonic()
            if last_answer or is_good:
                alive_file.touch()
    logger.critical("%s takes no messages although the broker does: it ends, to be started again", worker)
    os.kill(os.getpid(), signal.SIGQUIT)
    time.sleep(GRACE)
    os._exit(1)
