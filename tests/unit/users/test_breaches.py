"""Passwords from data breaches, asked of a stand-in for the service."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.config.parsers import BREACH_SERVICE
from flaskcelery.database import TransactionError, db, transaction
from flaskcelery.users.password_policy import PAUSE, TIME_LIMIT, find_problems

BREACHED, SAFE = "correct horse battery", "staple seventeen lamp"
DIGEST = hashlib.sha1(BREACHED.encode(), usedforsecurity=False).hexdigest().upper()
LISTED = f"0018A45C4D1DEF81644B54AB7F969B88D65:4\r\n{DIGEST[5:]}:10\r\n"
PROBLEM = "This password is known from a data breach. Please choose another one."


class StandIn(ThreadingHTTPServer):
    """A local service with the range API."""

    daemon_threads = True
    answer = LISTED
    delay = 0.0  # seconds before each byte
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/range/"

    def handle_error(self, *_: Any) -> None:
        """Say nothing about a client that has gone."""


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers))
        self.send_response(self.server.status)
        self.end_headers()
        for byte in self.server.answer.encode():
            time.sleep(self.server.delay)
            self.wfile.write(bytes([byte]))

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def service() -> Iterator[StandIn]:
    """Return a stand-in that runs."""
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def use(environ: dict[str, str]) -> Iterator[Callable[[str], Flask]]:
    """Return a function that opens the context of an application with this setting."""
    with ExitStack() as contexts:

        def open_context(setting: str) -> Flask:
            app = create_app({**environ, "PASSWORD_BREACH_CHECK": setting})
            contexts.enter_context(app.app_context())
            return app

        yield open_context


@pytest.mark.requirement(93)
def test_a_password_from_a_breach_is_refused_and_another_is_not(service: StandIn, use: Callable[[str], Flask]) -> None:
    use(service.url)
    assert (find_problems(BREACHED), find_problems(SAFE)) == ([PROBLEM], [])


@pytest.mark.requirement(93)
def test_the_service_learns_five_digits_of_the_hash_and_pads_its_answer(
    service: StandIn, use: Callable[[str], Flask]
) -> None:
    use(service.url)
    find_problems(BREACHED)
    [(path, headers)] = service.requests
    assert path == f"/range/{DIGEST[:5]}"
    assert headers["Add-Padding"] == "true"
    assert DIGEST[5:] not in str(headers)


@pytest.mark.parametrize("count", ["0", " 0"])
def test_padding_is_no_breach(service: StandIn, use: Callable[[str], Flask], count: str) -> None:
    service.answer = f"{DIGEST[5:]}:{count}\r\n"
    use(service.url)
    assert find_problems(BREACHED) == []


def test_a_password_that_is_refused_anyway_is_not_asked_about(service: StandIn, use: Callable[[str], Flask]) -> None:
    use(service.url)
    assert len(find_problems("iloveyou")) == 1
    assert service.requests == []


@pytest.mark.requirement(93)
@pytest.mark.parametrize(("status", "delay"), [(503, 0), (200, 0.3)])
def test_a_service_that_fails_or_is_slow_refuses_nothing_and_rests(
    service: StandIn, use: Callable[[str], Flask], monkeypatch: pytest.MonkeyPatch, status: int, delay: float
) -> None:
    service.status, service.delay = status, delay
    use(service.url)
    started = time.monotonic()
    assert find_problems(BREACHED) == find_problems(BREACHED) == []
    assert time.monotonic() - started < TIME_LIMIT + 0.9
    assert len(service.requests) == 1
    service.status, service.delay = 200, 0
    later = time.monotonic() + PAUSE
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert find_problems(BREACHED) == [PROBLEM]


@pytest.mark.requirement(93)
def test_a_service_that_nobody_can_reach_refuses_nothing(use: Callable[[str], Flask]) -> None:
    use("http://127.0.0.1:1/range/")
    assert find_problems(BREACHED) == []


def test_no_transaction_is_open_while_the_service_is_asked(
    service: StandIn, use: Callable[[str], Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(service.url)
    db.session.execute(db.select(1))
    seen = []
    original = threading.Thread.join
    monkeypatch.setattr(
        threading.Thread, "join", lambda *args: (seen.append(db.session().in_transaction()), original(*args))[1]
    )
    find_problems(SAFE)
    assert seen == [False]


def test_nobody_is_asked_by_default_and_the_well_known_service_by_the_setting_1(use: Callable[[str], Flask]) -> None:
    assert use("").config["PASSWORD_BREACH_CHECK"] == ""
    assert use("1").config["PASSWORD_BREACH_CHECK"] == BREACH_SERVICE


def test_the_service_is_not_asked_inside_a_transaction(service: StandIn, use: Callable[[str], Flask]) -> None:
    use(service.url)
    with transaction(), pytest.raises(TransactionError, match="never pause"):
        find_problems(SAFE)
    assert service.requests == []
