"""The worker's pulse: proof that it consumes, and an end for a worker that has stopped to.

Each worker sends itself a beat over the broker, on a queue of its own; a child of its pool answers by touching
`instance/<worker's name>.alive`. That file's age is the probe. A worker whose broker takes beats that it does not
answer is deaf (its connection died unnoticed): it ends, and whoever started it starts it again.
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
from celery.signals import celeryd_after_setup, worker_ready, worker_shutting_down
from flask import Flask, current_app

from flaskcelery.outbox.nudge import BrokerAway

logger = logging.getLogger(__name__)

BEAT = "outbox.beat"
BEAT_SECONDS = 10
STOP_GRACE = 5  # seconds beyond the longest task until a warm stop that hangs is ended
GRACE = 20  # seconds beyond two of the longest tasks until a silent worker counts as deaf


def init_pulse(app: Flask) -> None:
    """Make every worker of `app` prove that it consumes."""
    celery = app.extensions["celery"]
    celery.task(answer, name=BEAT, bind=True)

    def add_queue(sender: str, instance: Any, **_: Any) -> None:
        if instance.app is celery:
            celery.amqp.queues.select_add(f"{BEAT}.{sender}")

    def start(sender: Any, **_: Any) -> None:
        if sender.app is celery:
            threading.Thread(target=watch, args=(app, sender.hostname), daemon=True).start()

    worker_shutting_down.connect(lambda **_: bound_stop(app), weak=False)
    celeryd_after_setup.connect(add_queue, weak=False)
    worker_ready.connect(start, weak=False)


def answer(self: "Task[Any, Any]", _beat: str) -> None:
    """Say that this worker consumes: what a child of its pool does with a beat."""
    alive_file(str(self.request.hostname)).touch()


def alive_file(worker: str) -> Path:
    """Return the file that a worker's beats touch."""
    return Path(current_app.instance_path) / f"{worker}.alive"


def bound_stop(app: Flask) -> None:
    """Let a warm stop take as long as the longest task, and not much longer."""
    timer = threading.Timer(app.config["TASK_TIME_LIMIT"] + STOP_GRACE, lambda: os._exit(1))
    timer.daemon = True
    timer.start()


def watch(app: Flask, worker: str) -> None:
    """Send beats for ever; end the worker when it has left them unanswered for too long."""
    patience = 2 * app.config["TASK_TIME_LIMIT"] + GRACE
    with app.app_context():
        path = alive_file(worker)
        last_answer, last_good = 0.0, time.monotonic()
        while time.monotonic() - last_good < patience:
            try:
                app.extensions["publisher"].publish(BEAT, uuid.uuid4(), queue=f"{BEAT}.{worker}")
            except BrokerAway:
                last_good = time.monotonic()  # nothing to prove while the broker is away
            time.sleep(BEAT_SECONDS)
            answered = path.stat().st_mtime if path.exists() else 0.0
            if answered != last_answer:
                last_answer, last_good = answered, time.monotonic()
    logger.critical("%s takes no messages although the broker does: it ends, to be started again", worker)
    os.kill(os.getpid(), signal.SIGQUIT)
    time.sleep(GRACE)
    os._exit(1)
