"""What leaves for Sentry: where an error happened. Nothing that a visitor has typed or that a browser sends."""

import gzip
import logging
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import sentry_sdk
from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.auth import views
from flaskcelery.outbox import delivery
from tests.conftest import PASSWORD, Browser, close, run_sql, send_emails

AGENT = "Mozilla/5.0 of somebody"
EMAIL = "alice@example.com"


class Sentry(ThreadingHTTPServer):
    """A server that takes every envelope."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Envelopes)
        self.envelopes: list[str] = []

    def read(self) -> str:
        """Return all that has come."""
        sentry_sdk.flush(5)
        return "\n".join(self.envelopes)


class Envelopes(BaseHTTPRequestHandler):
    server: Sentry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_packed = self.headers.get("Content-Encoding") == "gzip"
        self.server.envelopes.append((gzip.decompress(body) if is_packed else body).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    """Run the server; at the end, the SDK and the log are as before."""
    handlers = logging.getLogger().handlers[:]
    with Sentry() as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield server
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)
        logging.getLogger().handlers[:] = handlers
        server.shutdown()


@pytest.fixture
def app(environ: dict[str, str], sentry: Sentry) -> Iterator[Flask]:
    """Return an application that reports its errors there."""
    app = create_app({**environ, "SENTRY_DSN": f"http://key@127.0.0.1:{sentry.server_address[1]}/1"})
    yield app
    close(app)


def fail(*typed: object) -> None:
    """Raise what an error of the database can look like."""
    local = {"typed": [*typed, EMAIL, PASSWORD]}
    raise ValueError(f"Key (email)=({EMAIL}) already exists: {local}") from KeyError(PASSWORD)


def test_a_failed_request_is_reported_without_anything_of_the_visitor(
    auth: Browser, sentry: Sentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth.sign_up()
    monkeypatch.setattr(views, "authenticate", fail)
    visitor = {"HTTP_USER_AGENT": AGENT, "REMOTE_ADDR": "8.8.8.8", "HTTP_X_REQUEST_ID": "request-7"}
    auth.client.environ_base |= visitor
    assert auth.log_in(EMAIL, PASSWORD).status_code == 500
    cookie = auth.client.get_cookie("session")
    assert cookie
    sent = sentry.read()
    assert all(word in sent for word in ("ValueError", "KeyError", "test_error_reports.py", "request-7"))
    assert [typed for typed in (EMAIL, "alice", PASSWORD, AGENT, "8.8.8.8", cookie.value) if typed in sent] == []


def test_an_error_of_a_task_is_reported_with_its_row_and_a_line_of_the_log_without_its_arguments(
    app: Flask, auth: Browser, sentry: Sentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth.sign_up()
    monkeypatch.setattr(delivery, "perform", fail)
    send_emails(app, raises=False)
    logging.getLogger("anything").error("Nobody expected %s", EMAIL)
    sent = sentry.read()
    [(row_id,)] = run_sql(app, "SELECT id FROM outbox")
    assert all(word in sent for word in ("ValueError", str(uuid.UUID(row_id)), "Nobody expected %s"))
    assert [typed for typed in (EMAIL, "alice", PASSWORD) if typed in sent] == []
