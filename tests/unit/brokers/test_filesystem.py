"""The embedded broker: whole messages only, garbage discarded, nothing worse than a lost hint."""

import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flaskcelery.config.derived import OUTBOX_QUEUE

GARBAGE = ("", "x", "a.b", "1.send_welcome_email", "..", f"{uuid.uuid4()}", f"{uuid.uuid4()}.", "ü" * 50)


@pytest.fixture
def folder(app: Flask) -> Path:
    """Return the folder of the messages."""
    return Path(app.instance_path) / "broker"


@pytest.fixture
def queue(app: Flask) -> Iterator[Any]:
    """Return the outbox queue over a connection of its own."""
    with app.extensions["celery"].connection_for_read() as connection:
        yield connection.SimpleQueue(OUTBOX_QUEUE, no_ack=True)


def publish(app: Flask, row_id: uuid.UUID) -> None:
    """Put a row's id on the broker as the publisher does."""
    app.extensions["publisher"].publish("send_welcome_email", row_id)


def take(queue: Any) -> str | None:
    """Return the row id of the next message, or None when there is none."""
    try:
        return str(queue.get(block=False).payload[0][0])
    except queue.Empty:
        return None


def test_messages_arrive_once_in_the_order_of_their_publishing(app: Flask, queue: Any) -> None:
    rows = [uuid.uuid4() for _ in range(5)]
    for row in rows:
        publish(app, row)
        time.sleep(0.01)  # the grain of a file's time
    assert [take(queue) for _ in range(6)] == [*map(str, rows), None]


def test_publishing_a_row_again_replaces_the_message_that_still_waits(app: Flask, queue: Any, folder: Path) -> None:
    row = uuid.uuid4()
    for _ in range(3):
        publish(app, row)
    assert len(list(folder.glob("*.msg"))) == 1
    assert (take(queue), take(queue)) == (str(row), None)


def test_garbage_is_discarded_and_hides_no_message(app: Flask, queue: Any, folder: Path) -> None:
    folder.mkdir()
    for name in GARBAGE:
        (folder / f"{name}.{OUTBOX_QUEUE}.msg").write_bytes(b"\xff{")
    (folder / f"{uuid.uuid4()}.a_folder.{OUTBOX_QUEUE}.msg").mkdir()
    row = uuid.uuid4()
    publish(app, row)
    taken = [take(queue) for _ in range(len(GARBAGE) + 2)]
    assert str(row) in taken
    assert taken[-1] is None


def test_a_deleted_folder_is_made_again(app: Flask, queue: Any, folder: Path) -> None:
    publish(app, uuid.uuid4())
    shutil.rmtree(folder)
    assert take(queue) is None
    row = uuid.uuid4()
    publish(app, row)
    assert take(queue) == str(row)


def test_a_message_is_the_row_id_and_the_task_and_nothing_more(app: Flask, folder: Path) -> None:
    row = uuid.uuid4()
    publish(app, row)
    assert [path.name for path in folder.iterdir()] == [f"{row}.send_welcome_email.{OUTBOX_QUEUE}.msg"]
    assert next(folder.iterdir()).read_bytes() == b""
