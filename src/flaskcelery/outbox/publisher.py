"""Publishing a row's id right after its commit. It can fail: the relay publishes the row again."""

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery
from celery.signals import worker_process_init
from flask import Flask, current_app
from kombu import Queue
from kombu.pools import ProducerPool
from sqlalchemy import event
from sqlalchemy.orm import Session

from flaskcelery.config.derived import QUEUES
from flaskcelery.database import db
from flaskcelery.metrics import metrics

logger = logging.getLogger(__name__)

STEP_TIMEOUT = 0.15  # seconds for each step with the broker, so that all of them together take less than half a second
BREAKER_SECONDS = 10
BOUNDS = ("socket_connect_timeout", "socket_timeout", "connect_retries_timeout")
BOUNDED = {"max_retries": 0, **dict.fromkeys(BOUNDS, STEP_TIMEOUT)}


class BrokerAway(Exception):
    """The broker did not answer a request within half a second."""


class Publisher:
    """Publishes row ids over connections of its own: the worker's wait too long for a web request."""

    def __init__(self, celery: Celery) -> None:
        connection = celery.connection_for_write(transport_options=BOUNDED, connect_timeout=STEP_TIMEOUT)
        self._celery = celery
        self._producers = ProducerPool(connection.Pool(limit=64), limit=64)
        self._breaker_open_until = 0.0

    @contextmanager
    def _producer(self) -> Iterator[Any]:
        try:
            with self._producers.acquire(block=True, timeout=STEP_TIMEOUT) as producer:
                yield producer
        except Exception as error:  # whatever fails, the rows are committed and the relay sends them
            raise BrokerAway(f"{type(error).__name__}: {error}") from error

    def publish(self, task: str, row_id: uuid.UUID, queue: str | None = None) -> None:
        """Publish the row's id to its task's queue, or to this one; raise BrokerAway if the broker does not take it."""
        with self._producer() as producer:
            self._celery.send_task(
                task, args=[str(row_id)], task_id=str(row_id), producer=producer, retry=False, queue=queue
            )

    def count_waiting(self) -> dict[str, int]:
        """Return how many messages wait in each queue of the broker; raise BrokerAway when it does not answer."""
        with self._producer() as producer:
            queues: list[Any] = [Queue(name)(producer.channel) for name in QUEUES]
            return {queue.name: int(queue.queue_declare().message_count) for queue in queues}

    def try_publish(self, task: str, row_id: uuid.UUID) -> None:
        """Publish unless the broker has just failed; never raises."""
        if time.monotonic() < self._breaker_open_until:
            return
        try:
            self.publish(task, row_id)
        except BrokerAway as error:
            self._breaker_open_until = time.monotonic() + BREAKER_SECONDS
            metrics().publish_failures.inc()
            metrics().breaker_open_until.set(time.time() + BREAKER_SECONDS)
            logger.warning("The broker did not take row %s, the relay will retry: %s", row_id, error)


def init_publisher(app: Flask) -> None:
    """Give `app` its publisher, and each pool process of a worker its own; it connects when it first publishes."""

    def renew(**_: object) -> None:
        app.extensions["publisher"] = Publisher(app.extensions["celery"])

    renew()
    worker_process_init.connect(renew, weak=False)


def publish_after_commit(task: str, row_id: uuid.UUID) -> None:
    db.session().info.setdefault("pending", []).append((task, row_id))


@event.listens_for(db.session, "after_commit")
def _publish_pending(session: Session) -> None:
    if not session.in_nested_transaction():
        for task, row_id in session.info.pop("pending", ()):
            current_app.extensions["publisher"].try_publish(task, row_id)
