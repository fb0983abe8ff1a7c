"""What many tests begin with is done once; then the others find the files and cookies that it left."""

import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import close, run_sql

KEPT_SECONDS = 30  # so that "just now" stays true


class Beginning:
    """The files of an application and the cookies of a browser, as they were at a time."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        close(app)
        files = (path for path in Path(app.instance_path).rglob("*") if path.is_file())
        self.files = {path: path.read_bytes() for path in files}
        names = (app.config["SESSION_COOKIE_NAME"], app.config["DEVICE_COOKIE_NAME"])
        self.cookies = {name: client.get_cookie(name).value for name in names}
        self.ends_at = time.monotonic() + KEPT_SECONDS

    def bring_back(self, app: Flask, client: FlaskClient) -> None:
        """Let everything be as it was."""
        close(app)
        for path, content in self.files.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        for name, value in self.cookies.items():
            client.set_cookie(name, value)


BEGINNINGS: dict[tuple[Flask, str], Beginning] = {}


def begin_once(app: Flask, client: FlaskClient, name: str, begin: Callable[[], None]) -> None:
    """Do what has this name, or bring back what it left in the same application lately, if that has no users yet."""
    kept = BEGINNINGS.get((app, name))
    if app.config["RATELIMIT_ENABLED"] or run_sql(app, "SELECT 1 FROM users"):
        begin()
    elif kept and time.monotonic() < kept.ends_at:
        kept.bring_back(app, client)
    else:
        begin()
        BEGINNINGS[app, name] = Beginning(app, client)
