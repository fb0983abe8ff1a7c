"""What many tests begin with is done once; then the others find the files and cookies that it left."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import close, run_sql

T = TypeVar("T")
KEPT_SECONDS = 30  # so that "just now" stays true


class Beginning:
    """The files of an application and the cookies of a browser, as they were at a time."""

    def __init__(self, app: Flask, client: FlaskClient, result: Any) -> None:
        close(app)
        files = (path for path in Path(app.instance_path).rglob("*") if path.is_file())
        self.files = {path: path.read_bytes() for path in files}
        names = (app.config["SESSION_COOKIE_NAME"], app.config["DEVICE_COOKIE_NAME"])
        self.cookies = [cookie for name in names if (cookie := client.get_cookie(name))]
        self.result = result
        self.ends_at = time.monotonic() + KEPT_SECONDS

    def bring_back(self, app: Flask, client: FlaskClient) -> None:
        """Let everything be as it was."""
        close(app)
        for path, content in self.files.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        for cookie in self.cookies:
            client.set_cookie(cookie.key, cookie.value)


BEGINNINGS: dict[tuple[Flask, str], Beginning] = {}


def begin_once(app: Flask, client: FlaskClient, name: str, begin: Callable[[], T]) -> T:
    """Do what has this name and return its result, or bring back what it left lately, if there are no users yet."""
    kept = BEGINNINGS.get((app, name))
    if app.config["RATELIMIT_ENABLED"] or run_sql(app, "SELECT 1 FROM users"):
        return begin()
    if kept and time.monotonic() < kept.ends_at:
        kept.bring_back(app, client)
    else:
        kept = BEGINNINGS[app, name] = Beginning(app, client, begin())
    return kept.result
