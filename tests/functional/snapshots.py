"""A set-up that many tests share runs once. The next tests restore the files and cookies that it left."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import close, run_sql

T = TypeVar("T")
MAX_AGE = 30  # seconds; after a longer time, "just now" would be wrong


class Snapshot:
    """What a set-up returned, and the files and cookies that it left."""

    def __init__(self, app: Flask, client: FlaskClient, result: Any) -> None:
        close(app)  # SQLite writes its log into the file
        self.made_at = time.monotonic()
        self.result = result
        self.files = {path: path.read_bytes() for path in Path(app.instance_path).rglob("*") if path.is_file()}
        names = (app.config["SESSION_COOKIE_NAME"], app.config["DEVICE_COOKIE_NAME"])
        self.cookies = [cookie for name in names if (cookie := client.get_cookie(name))]

    def is_fresh(self) -> bool:
        return time.monotonic() < self.made_at + MAX_AGE

    def restore(self, app: Flask, client: FlaskClient) -> None:
        close(app)
        for path, content in self.files.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        for cookie in self.cookies:
            client.set_cookie(cookie.key, cookie.value)


SNAPSHOTS: dict[tuple[Flask, str], Snapshot] = {}


def set_up_once(app: Flask, client: FlaskClient, name: str, set_up: Callable[[], T]) -> T:
    """Call `set_up`, or restore what it left in an earlier test; return its result. `name` says what it sets up."""
    # A snapshot has no counters of rate limits, and would overwrite what this test has done already.
    if app.config["RATELIMIT_ENABLED"] or run_sql(app, "SELECT 1 FROM users"):
        return set_up()
    snapshot = SNAPSHOTS.get((app, name))
    if snapshot and snapshot.is_fresh():
        snapshot.restore(app, client)
    else:
        snapshot = SNAPSHOTS[app, name] = Snapshot(app, client, set_up())
    return snapshot.result
