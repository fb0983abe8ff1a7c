"""Deleting an account: closed at once, mailed goodbye, then erased; and what the password guards."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flaskcelery.database import db
from flaskcelery.outbox.relay import relay_once
from tests.conftest import PASSWORD, Browser, events, link_in, run_sql, send_emails
from tests.functional.conftest import pass_ten_minutes


def relay(app: Flask) -> None:
    """Let the relay pass once."""
    with app.app_context():
        relay_once(period=0)
        db.session.remove()


@pytest.fixture
def other(app: Flask, logged_in: Browser) -> Browser:
    """Return a second browser in which alice is logged in."""
    browser = Browser(app.test_client())
    browser.log_in()
    return browser


def test_an_account_is_closed_at_once_mailed_goodbye_and_then_erased(
    app: Flask, logged_in: Browser, other: Browser
) -> None:
    logged_in.send(link_in(send_emails(app)[0]))
    assert "alice@example.com" in logged_in.client.get("/accounts/me/delete/").text
    assert logged_in.send("/accounts/me/delete/", password=PASSWORD).location == "/"
    assert "Your account is deleted." in logged_in.client.get("/").text
    assert (logged_in.is_logged_in(), other.is_logged_in()) == (False, False)
    assert run_sql(app, "SELECT count(*) FROM login_sessions") == [(0,)]
    logged_in.log_in()
    assert not logged_in.is_logged_in()
    assert "already exists" in logged_in.sign_up().text  # until the last email has gone

    [message] = send_emails(app)
    assert (message.task, message.recipients) == ("send_goodbye_email", ["alice@example.com"])
    relay(app)
    for table in ("users", "login_sessions", "outbox"):
        assert run_sql(app, f"SELECT count(*) FROM {table}") == [(0,)]
    assert run_sql(app, "SELECT DISTINCT email, ip_address, detail FROM audit_events") == [("", "", "")]
    assert events(app)[-1] == "account erased"
    assert logged_in.sign_up().status_code == 302
    assert run_sql(app, "SELECT id FROM users") == [(2,)]


def test_a_closed_account_stays_while_an_email_is_owed_to_it(app: Flask, logged_in: Browser) -> None:
    logged_in.send("/accounts/me/delete/", password=PASSWORD)
    run_sql(app, "UPDATE outbox SET due_at = expires_at")  # every attempt so far has failed
    relay(app)
    assert run_sql(app, "SELECT username FROM users") == [("alice",)]
    run_sql(app, "UPDATE outbox SET failed_at = due_at")
    relay(app)
    assert run_sql(app, "SELECT username FROM users") == []


@pytest.mark.parametrize("by", ["owner", "staff"])
def test_an_account_with_many_events_is_closed_at_once_and_erased_in_batches(
    app: Flask, logged_in: Browser, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setattr("flaskcelery.users.deletion.PURGED_PER_PASS", 3)
    for _ in range(5):
        Browser(app.test_client()).log_in(password="wrong password")
    if by == "owner":
        logged_in.send("/accounts/me/delete/", password=PASSWORD)
    else:
        app.test_cli_runner().invoke(args=["users", "delete", "alice", "--yes"])
    assert not logged_in.is_logged_in()
    send_emails(app)
    left = []
    while run_sql(app, "SELECT * FROM users"):
        relay(app)
        left += run_sql(app, "SELECT count(*) FROM audit_events WHERE email || ip_address || detail <> ''")
    assert left == ([(5,), (2,), (0,)] if by == "owner" else [(1,), (0,)])


def test_a_pass_erases_no_more_events_of_all_closed_accounts_than_a_batch(
    app: Flask, auth: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alice", "bob", "carol"):  # each with one event
        auth.sign_up(name, f"{name}@example.com")
    monkeypatch.setattr("flaskcelery.users.deletion.PURGED_PER_PASS", 3)
    send_emails(app)
    run_sql(app, "UPDATE users SET is_active = 0, closed_at = joined_at")
    left = []
    for _ in range(2):
        relay(app)
        left += run_sql(app, "SELECT count(*) FROM users")
    assert left == [(1,), (0,)]


def test_the_relay_erases_nobody_who_has_not_asked_for_it(app: Flask, logged_in: Browser) -> None:
    send_emails(app)
    run_sql(app, "UPDATE users SET is_active = 0")
    relay(app)
    assert run_sql(app, "SELECT username FROM users") == [("alice",)]


@pytest.mark.parametrize("password", ["", "wrong password", "x" * 2000])
def test_an_account_is_not_closed_without_its_password(app: Flask, logged_in: Browser, password: str) -> None:
    pass_ten_minutes(app)
    assert logged_in.send("/accounts/me/delete/", password=password).status_code == 200
    assert logged_in.is_logged_in()
    assert ("wrong current password" in events(app)) == bool(password)


def test_a_password_with_more_after_its_end_is_another_one(app: Flask, auth: Browser) -> None:
    auth.sign_up(password="x" * 1024)
    auth.log_in(password="x" * 1024)
    pass_ten_minutes(app)
    assert "entered incorrectly" in auth.send("/accounts/me/delete/", password="x" * 1025).text
    assert auth.is_logged_in()


def test_the_last_administrator_stays(app: Flask, logged_in: Browser) -> None:
    run_sql(app, "UPDATE users SET is_staff = 1")
    assert "The last active member of staff" in logged_in.send("/accounts/me/delete/", password=PASSWORD).text
    assert logged_in.is_logged_in()
    Browser(app.test_client()).sign_up(username="bob", email="bob@example.com")
    run_sql(app, "UPDATE users SET is_staff = 1")
    assert logged_in.send("/accounts/me/delete/", password=PASSWORD).status_code == 302


def test_no_transaction_is_open_while_the_password_is_checked(
    app: Flask, logged_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = type(app.extensions["hasher"])
    original, was_open = hasher.verify, []

    def verify(self: Any, *args: Any) -> bool:
        was_open.append(db.session().in_transaction())
        return original(self, *args)

    monkeypatch.setattr(hasher, "verify", verify)
    for path in ("email", "delete"):
        pass_ten_minutes(app)
        logged_in.send(f"/accounts/me/{path}/", email="new@example.com", password=PASSWORD)
    assert was_open == [False, False]


@pytest.mark.parametrize("change", ["password_hash = 'new'", "is_active = 0"])
def test_a_change_that_comes_while_the_password_is_checked_wins(
    app: Flask, logged_in: Browser, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    hasher = type(app.extensions["hasher"])
    original = hasher.verify

    def verify(self: Any, *args: Any) -> bool:
        fits = original(self, *args)
        run_sql(app, f"UPDATE users SET {change}")
        return fits

    send_emails(app)
    for path in ("email", "delete"):
        pass_ten_minutes(app)
        with monkeypatch.context() as patch:
            patch.setattr(hasher, "verify", verify)
            logged_in.send(f"/accounts/me/{path}/", email="new@example.com", password=PASSWORD)
        assert run_sql(app, "SELECT closed_at, pending_email FROM users") == [(None, None)]
        run_sql(app, "UPDATE users SET is_active = 1")
        logged_in.log_in()
    assert send_emails(app) == []
