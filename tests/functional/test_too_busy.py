"""While too many passwords are hashed, forms that need a hash are answered with 503; pages do not notice."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flaskcelery.users import passwords
from tests.conftest import Browser, events, run_sql

SENTENCE = "Reload this page in a moment to send what you typed again."


@pytest.fixture
def busy(app: Flask, auth: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Keep the thread that hashes busy until the event is set; alice has an account."""
    auth.sign_up()
    may_end = threading.Event()
    monkeypatch.setattr(passwords, "MAX_WAIT", 0.05)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(app.extensions["hasher"]._argon2_thread.run, may_end.wait, 30)
        yield may_end
        may_end.set()


def assert_busy(answer: TestResponse) -> None:
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert SENTENCE in answer.text


def test_a_form_that_would_wait_too_long_changes_nothing_and_can_be_sent_again(
    app: Flask, auth: Browser, busy: threading.Event
) -> None:
    assert_busy(auth.sign_up("bob", "bob@example.com"))
    assert_busy(auth.log_in())
    assert events(app) == ["signed up"]
    assert run_sql(app, "SELECT username FROM users") == [("alice",)]
    busy.set()
    assert auth.sign_up("bob", "bob@example.com").status_code == 302
    assert auth.log_in().status_code == 302


def test_a_password_that_was_never_checked_is_no_failed_attempt(
    app: Flask, auth: Browser, busy: threading.Event
) -> None:
    app.config["RATELIMIT_ENABLED"] = True
    for _ in range(12):
        assert_busy(auth.log_in())
    busy.set()
    assert auth.log_in().status_code == 302


def test_pages_do_not_wait_for_hashes(client: FlaskClient, busy: threading.Event) -> None:
    assert [client.get(path).status_code for path in ("/", "/accounts/login/", "/accounts/signup/")] == [200] * 3
    assert not busy.is_set()
