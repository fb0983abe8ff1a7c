"""The worker's heartbeat: proves that a worker consumes messages, and ends one that has stopped consuming.

Each worker sends itself a message over the broker, on a queue of its own; a pool process that starts any task touches
`instance/<worker's name>.answer`. While answers arrive, or the broker is away, the worker touches its `.alive` file,
whose age the container's health check looks at. A worker that answers no message that its broker took is unresponsive
(its connection has died unnoticed): it ends itself, and whatever supervises it starts it again.
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

from flaskcelery.outbox.publisher import BrokerAway, Publisher
from flaskcelery.outbox.tasks import TASKS

logger = logging.getLogger(__name__)

HEARTBEAT = "outbox.heartbeat"
HEARTBEAT_SECONDS = 10
STOP_GRACE = 5  # seconds beyond the longest task after which a warm stop that hangs is ended
GRACE = 20  # seconds beyond the longest task after which a silent worker counts as unresponsive
QUEUE_EXPIRES = 3600  # seconds after which Redis can forget the queue of a worker that has stopped


def init_heartbeat(app: Flask) -> None:
    """Give every worker of `app` a heartbeat, and its warm stop an end."""
    celery = app.extensions["celery"]
    celery.task(answer, name=HEARTBEAT)

    def note_start(task: "Task[Any, Any]", **_: Any) -> None:
        if task.app is celery:
            heartbeat_file(app, str(task.request.hostname), "answer").touch()

    def add_queue(sender: str, instance: Any, **_: Any) -> None:
        if instance.app is celery:
            name = f"{HEARTBEAT}.{sender}"  # of the exchange, too: kombu forgets whole exchanges only
            celery.amqp.queues.select_add(name, exchange=name, expires=QUEUE_EXPIRES)

    def start(sender: Any, **_: Any) -> None:
        if sender.app is celery:
            threading.Thread(target=Heartbeat(app, sender.hostname).run, daemon=True).start()

    worker_shutting_down.connect(lambda **_: bound_stop(app), weak=False)
    task_prerun.connect(note_start, weak=False)
    celeryd_after_setup.connect(add_queue, weak=False)
    worker_ready.connect(start, weak=False)


def answer(_heartbeat: str) -> None:
    """Do nothing: that the task starts is the answer."""


def heartbeat_file(app: Flask, name: str, kind: str) -> Path:
    """Return the `answer` or `alive` file of a worker or of the relay."""
    return Path(app.instance_path) / f"{name}.{kind}"


def bound_stop(app: Flask) -> None:
    """Let a warm stop take as long as the longest task, and not much longer."""
    timer = threading.Timer(longest_task(app) + STOP_GRACE, lambda: os._exit(1))
    timer.daemon = True
    timer.start()


def longest_task(app: Flask) -> float:
    """Return the longest time limit, in seconds, of the tasks in this worker's queues."""
    queues = app.extensions["celery"].amqp.queues.consume_from
    limits = [task.time_limit for task in TASKS.values() if task.time_limit and task.queue in queues]
    default: float = app.config["TASK_TIME_LIMIT"]
    return max([default, *limits])


class Heartbeat:
    """One worker's heartbeat, in a thread of its main process."""

    def __init__(self, app: Flask, worker: str) -> None:
        self._app, self._worker = app, worker
        self._answer, self._alive = heartbeat_file(app, worker, "answer"), heartbeat_file(app, worker, "alive")
        self._answer.unlink(missing_ok=True)
        self._has_answered = False
        self._last_good = time.monotonic()

    def run(self) -> None:
        """Send heartbeats until the worker is unresponsive; then end it."""
        pause = min(1, HEARTBEAT_SECONDS)  # the first answer arrives soon: a new worker shows early that it is alive
        while self.is_responsive():
            self.beat(pause)
            pause = HEARTBEAT_SECONDS
        logger.critical("%s consumes nothing although the broker takes messages: it ends to be restarted", self._worker)
        os.kill(os.getpid(), signal.SIGQUIT)
        time.sleep(GRACE)
        os._exit(1)

    def is_responsive(self) -> bool:
        """Return whether the worker answered, or its broker was away, recently enough for the longest task."""
        return time.monotonic() - self._last_good < longest_task(self._app) + GRACE

    def beat(self, pause: float) -> None:
        """Send one heartbeat and wait for `pause` seconds; take note of any answer."""
        is_away = not self._send()
        time.sleep(pause)
        is_answered = self._take_answer()
        self._has_answered |= is_answered
        if is_answered or is_away:  # nothing can be proved while the broker is away
            self._last_good = time.monotonic()
        if self._has_answered or is_away:
            self._alive.touch()

    def _take_answer(self) -> bool:
        try:
            self._answer.unlink()  # one step: an answer that arrives meanwhile is not lost
        except FileNotFoundError:
            return False
        return True

    def _send(self) -> bool:
        publisher: Publisher = self._app.extensions["publisher"]
        try:
            with self._app.app_context():
                publisher.publish(HEARTBEAT, uuid.uuid4(), queue=f"{HEARTBEAT}.{self._worker}")
        except BrokerAway:
            return False
        return True
