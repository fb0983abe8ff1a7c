"""A broker that the test commands."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.unit.outbox.broker import Broker


@pytest.fixture
def broker(quiet_app: Flask) -> Iterator[Broker]:
    """Return the broker that the relay publishes to."""
    publisher = quiet_app.extensions["publisher"]
    quiet_app.extensions["publisher"] = broker = Broker()
    yield broker
    quiet_app.extensions["publisher"] = publisher
