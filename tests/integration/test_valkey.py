"""Valkey in the place of Redis: publisher, broker and rate limits."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from flaskcelery.app import create_app
from flaskcelery.web.counters import Step
from tests.processes import HOST
from tests.servers import Redis


class Valkey(Redis):
    program = "valkey-server"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Return a server of this test's own, where there is one: Debian has it since version 13."""
    if not shutil.which(Valkey.program):
        pytest.skip("valkey-server is missing. On Debian 13: apt-get install valkey-server")
    server = Valkey(tmp_path)
    yield server
    server.process.kill()


def test_valkey_carries_messages_and_counts_requests(environ: dict[str, str], valkey: Valkey) -> None:
    app = create_app({**environ, "CELERY_BROKER_URL": f"redis://{HOST}:{valkey.port}/0"})
    publisher, celery, row_id = app.extensions["publisher"], app.extensions["celery"], uuid.uuid4()
    publisher.publish("send_welcome_email", row_id)
    assert publisher.count_waiting() == {"outbox": 1, "urgent": 0, "jobs": 0}
    with celery.connection_for_read() as connection, connection.SimpleQueue("outbox") as queue:
        message = queue.get(timeout=5)
        assert message.headers["id"] == str(row_id)
        message.ack()
    assert publisher.count_waiting()["outbox"] == int(valkey.ask("HLEN", "unacked")) == 0
    step = Step("key", seconds=60, amount=1, most=5)
    assert [app.extensions["limits"].add([step]) for _ in range(2)] == [[(1, 60)], [(2, 60)]]
    assert valkey.ask("GET", "limit:key") == "2"
