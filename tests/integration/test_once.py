"""Keys and slots on Postgres, where processes write at the same time."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from flaskcelery.app import create_app
from flaskcelery.database import db, now_plus, transaction
from flaskcelery.outbox.models import OutboxRow, OutboxSchedule
from flaskcelery.outbox.schedule import SCHEDULES, enqueue_scheduled, every
from flaskcelery.outbox.tasks import OutboxTask
from flaskcelery.users.emails import send_goodbye_email


@pytest.fixture
def app(postgres: Callable[[Path], str], tmp_path: Path) -> Iterator[Flask]:
    """Return an application on a fresh Postgres database, in its context."""
    app = create_app({"DATABASE_URL": postgres(tmp_path), "INSTANCE_PATH": str(tmp_path)})
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("is_committed", [True, False])
def test_of_two_who_enqueue_with_one_key_the_second_waits_for_the_first(app: Flask, is_committed: bool) -> None:
    def enqueue() -> uuid.UUID:
        with app.app_context(), transaction():
            return send_goodbye_email.enqueue(user_id=1, once="2026").id

    with ThreadPoolExecutor(1) as pool, suppress(ZeroDivisionError), transaction():
        first = send_goodbye_email.enqueue(user_id=1, once="2026").id
        second = pool.submit(enqueue)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.5)
        assert is_committed or 1 / 0
    assert (second.result() == first) is is_committed
    assert len(db.session.scalars(select(OutboxRow.id)).all()) == 1


def test_relays_that_see_a_slot_together_enqueue_it_once(app: Flask) -> None:
    def pass_slot() -> None:
        with app.app_context():
            line.wait()
            enqueue_scheduled()

    relays, nightly = 4, every("03:00")(OutboxTask("nightly", lambda: None, queue="jobs"))
    enqueue_scheduled()
    with ThreadPoolExecutor(relays) as pool:
        for _ in range(10):
            with transaction():
                db.session.execute(delete(OutboxRow))
                db.session.execute(update(OutboxSchedule).values(checked_at=now_plus(-86400)))
            line = Barrier(relays)
            for each in [pool.submit(pass_slot) for _ in range(relays)]:
                each.result()
            assert len(db.session.scalars(select(OutboxRow.id)).all()) == 1
    del SCHEDULES[nightly.name]
