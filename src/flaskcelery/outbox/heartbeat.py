"""The worker's heartbeat: proves that a worker consumes messages, and ends one that has stopped consuming.

Each worker sends itself a message over the broker, on a queue of its own; any task that its pool starts is an answer.
While answers arrive, or the broker is away, the worker touches `instance/<its name>.alive`, whose age the container's
health check looks at. A worker that answers no message that its broker took is unresponsive (its connection died
unnoticed): it ends itself, and whatever supervises it starts it again.
"""

import logging
import os
import signal
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from celery.signals import celeryd_after_setup, worker_ready, worker_shutting_down
from celery.worker import state
from flask import Flask

from flaskcelery.outbox.publisher import BrokerAway

logger = logging.getLogger(__name__)

HEARTBEAT = "outbox.heartbeat"
HEARTBEAT_SECONDS = 10
STOP_GRACE = 5  # seconds beyond the longest task after which a warm stop that hangs is ended
GRACE = 20  # seconds beyond the longest task after which a silent worker counts as unresponsive


def init_heartbeat(app: Flask) -> None:
    """Give every worker of `app` a heartbeat, and its warm stop an end."""
    celery = app.extensions["celery"]
    celery.task(answer, name=HEARTBEAT)

    def add_queue(sender: str, instance: Any, **_: Any) -> None:
        if instance.app is celery:
            celery.amqp.queues.select_add(f"{HEARTBEAT}.{sender}")

    def start(sender: Any, **_: Any) -> None:
        if sender.app is celery:
            threading.Thread(target=end_when_unresponsive, args=(app, sender.hostname), daemon=True).start()

    worker_shutting_down.connect(lambda **_: bound_stop(app), weak=False)
    celeryd_after_setup.connect(add_queue, weak=False)
    worker_ready.connect(start, weak=False)


def answer(_heartbeat: str) -> None:
    """Do nothing: that the task starts is the answer."""


def bound_stop(app: Flask) -> None:
    """Let a warm stop take as long as the longest task, and not much longer."""
    timer = threading.Timer(app.config["TASK_TIME_LIMIT"] + STOP_GRACE, lambda: os._exit(1))
    timer.daemon = True
    timer.start()


def end_when_unresponsive(app: Flask, worker: str) -> None:
    """Send heartbeats until the worker answers none for longer than the longest task; then end its main process."""
    patience = app.config["TASK_TIME_LIMIT"] + GRACE
    pause = min(1, HEARTBEAT_SECONDS)  # the first answer arrives soon: a new worker shows early that it is alive
    answers, last_good = 0, time.monotonic()
    while time.monotonic() - last_good < patience:
        is_away = not send_heartbeat(app, worker)
        time.sleep(pause)
        pause = HEARTBEAT_SECONDS
        before, answers = answers, sum(state.total_count.values())
        if answers > before or is_away:  # nothing can be proved while the broker is away
            last_good = time.monotonic()
        if answers or is_away:
            touch_alive(app, worker)
    logger.critical("%s consumes nothing although the broker takes messages: it ends to be restarted", worker)
    os.kill(os.getpid(), signal.SIGQUIT)
    time.sleep(GRACE)
    os._exit(1)


def send_heartbeat(app: Flask, worker: str) -> bool:
    """Return whether the broker took a heartbeat."""
    try:
        app.extensions["publisher"].publish(HEARTBEAT, uuid.uuid4(), queue=f"{HEARTBEAT}.{worker}")
    except BrokerAway:
        return False
    return True


def touch_alive(app: Flask, name: str) -> None:
    """Touch the file of a worker or of the relay whose age the container's health check looks at."""
    (Path(app.instance_path) / f"{name}.alive").touch()
