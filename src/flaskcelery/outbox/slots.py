"""A share of each worker for each recipient domain, so that a slow or flooded one cannot hold all of its processes.

A process that sends to a domain locks a byte of one file. The kernel unlocks it when the process ends, however it ends.
"""

import fcntl
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from celery.signals import celeryd_after_setup
from flask import Flask, current_app

from flaskcelery.outbox.publisher import BrokerAway
from flaskcelery.outbox.statements import DOMAIN, MOVE_WAITING, WAITING, execute_alone
from flaskcelery.web.requests import parse_ip
from flaskcelery.web.urls import public_suffixes

MAX_SLOTS = 1000  # of one domain
MAX_LENGTH = 254  # of a domain in the database


@dataclass(frozen=True)
class Slots:
    """One worker's file, and how many of its processes can send to one domain at the same time."""

    file: Path
    per_domain: int


def init_slots(app: Flask) -> None:
    """Let each domain have half of a worker's processes. The relay, one process, gives every domain its turn itself."""
    app.extensions["slots"] = None

    def share(sender: str, instance: Any, **_: Any) -> None:
        file = Path(app.instance_path) / f"{sender}.slots"
        app.extensions["slots"] = Slots(file, min(max(1, instance.concurrency // 2), MAX_SLOTS))

    celeryd_after_setup.connect(share, weak=False)


def slot_domain(email: str) -> str:
    """Return the domain whose slots an email to this recipient takes: one for each organization, as far as we know."""
    host = email.lower().rpartition("@")[2][-MAX_LENGTH:]
    if host.startswith("[") or parse_ip(host):
        return host
    return str(public_suffixes().privatesuffix(host, accept_unknown=True) or host)


@contextmanager
def domain_slot(row_id: uuid.UUID) -> Iterator[bool]:
    """Hold a slot of the row's domain in this worker while the block runs; yield whether one was free."""
    slots: Slots | None = current_app.extensions["slots"]
    if slots is None:
        yield True
        return
    found = execute_alone(DOMAIN, row_id=row_id)
    if not found or not found.domain:  # a job, which has no recipient
        yield True
        return
    first = zlib.crc32(found.domain.encode()) * MAX_SLOTS
    with slots.file.open("ab") as file:
        yield any(_try_lock(file, first + number) for number in range(slots.per_domain))


def publish_waiting(row_id: uuid.UUID) -> None:
    """Publish the next due row of this row's domain: its message is gone if it found no slot free.

    Like a row that the relay publishes, it moves to the back of the queue.
    """
    is_any = execute_alone(WAITING, row_id=row_id)  # as usual there is none: no write
    if is_any and (row := execute_alone(MOVE_WAITING, row_id=row_id)):
        with suppress(BrokerAway):  # the relay takes care of it
            current_app.extensions["publisher"].publish(row.task, row.id)


def _try_lock(file: IO[bytes], byte: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
    except BlockingIOError:
        return False
    return True
