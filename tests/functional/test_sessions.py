"""Login sessions: rows on the server decide, whatever cookies say."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flaskcelery.database import db
from flaskcelery.users.models import LoginSession
from tests.conftest import Browser, run_sql
from tests.functional.conftest import AGO
from tests.pages import csrf_token


def copy_of(browser: Browser) -> Browser:
    """Return another browser with the same cookies: what a thief has."""
    thief = browser.client.application.test_client()
    thief.set_cookie("session", browser.client.get_cookie("session").value)
    return Browser(thief)


def token_in(client: FlaskClient, path: str) -> str:
    """Return the CSRF token of the form at `path`."""
    return csrf_token(client.get(path).text)


def read_cookie(client: FlaskClient) -> dict[str, Any]:
    """Return what this browser's session cookie holds."""
    with client.session_transaction() as session:
        return dict(session)


def test_a_copied_cookie_is_dead_after_log_out(logged_in: Browser) -> None:
    thief = copy_of(logged_in)
    assert thief.is_logged_in()
    logged_in.log_out()
    assert not thief.is_logged_in()
    assert not logged_in.is_logged_in()


@pytest.mark.requirement(27)
def test_nothing_planted_before_a_log_in_survives_it(auth: Browser) -> None:
    auth.sign_up()
    auth.client.get("/accounts/login/")
    with auth.client.session_transaction() as session:  # signed with the application's own key
        session["planted"] = "by the attacker"
        session["_user_id"] = "planted-token"
        planted = session["csrf_token"]
    auth.log_in()
    found = read_cookie(auth.client)
    assert "planted" not in found
    assert found["_user_id"] != "planted-token"
    assert auth.is_logged_in()
    assert read_cookie(auth.client)["csrf_token"] != planted


@pytest.mark.requirement(84)
def test_logging_all_other_devices_out_ends_copies_of_the_own_cookie(logged_in: Browser) -> None:
    thief = copy_of(logged_in)
    logged_in.client.post("/accounts/me/sessions/end_others/", data={"csrf_token": token_in(logged_in.client, "/")})
    assert logged_in.is_logged_in()
    assert not thief.is_logged_in()


@pytest.mark.parametrize("user_id", ["1", "", "x" * 3000, "é", "\x00", "\ud800"])
def test_a_cookie_of_no_session_is_a_visitor(app: Flask, auth: Browser, user_id: str) -> None:
    auth.sign_up()
    with auth.client.session_transaction() as session:
        session["_user_id"] = user_id
    assert auth.client.get("/").status_code == 200
    assert not auth.is_logged_in()


def test_each_log_in_has_a_token_of_its_own_and_ends_this_browsers_last_one(app: Flask, logged_in: Browser) -> None:
    thief, first = copy_of(logged_in), read_cookie(logged_in.client)["_user_id"]
    logged_in.log_in()
    assert read_cookie(logged_in.client)["_user_id"] != first
    assert logged_in.is_logged_in()
    assert not thief.is_logged_in()
    assert run_sql(app, "SELECT count(*) FROM login_sessions") == [(1,)]


def test_two_browsers_are_logged_in_apart(app: Flask, logged_in: Browser) -> None:
    other = Browser(app.test_client())
    other.log_in()
    logged_in.log_out()
    assert other.is_logged_in()


def test_a_failed_log_in_keeps_the_session(logged_in: Browser) -> None:
    logged_in.log_in(password="wrong password")
    assert logged_in.is_logged_in()


def test_a_deactivated_user_is_out_at_the_next_request_and_stays_out(app: Flask, logged_in: Browser) -> None:
    run_sql(app, "UPDATE users SET is_active = 0")
    assert not logged_in.is_logged_in()
    assert "Please enter a correct email and password." in logged_in.log_in().text
    assert not logged_in.is_logged_in()


def test_a_deleted_user_is_out_at_the_next_request(app: Flask, logged_in: Browser) -> None:
    run_sql(app, "DELETE FROM users")
    assert not logged_in.is_logged_in()


@pytest.mark.requirement(47)
def test_every_log_in_failed_or_not_and_log_out_is_in_the_audit_trail(app: Flask, logged_in: Browser) -> None:
    logged_in.log_out()
    logged_in.log_in(password="wrong password")
    logged_in.log_in(email="nobody@example.com")
    rows = run_sql(app, "SELECT event, user_id, email, ip_address, length(request_id) FROM audit_events ORDER BY id")
    mine = (1, "a***@example.com", "127.0.0.1", 32)
    assert rows == [
        ("signed up", *mine),
        ("logged in", *mine),
        ("logged out", *mine),
        ("failed login", *mine),
        ("failed login", None, "", "127.0.0.1", 32),
    ]


def test_the_audit_trail_is_kept_for_a_time(app: Flask, logged_in: Browser) -> None:
    run_sql(app, f"UPDATE audit_events SET at = {AGO.format('91 days')} WHERE event = 'signed up'")
    assert app.test_cli_runner().invoke(args=["outbox", "purge"]).output == "Deleted: 1\n"
    assert run_sql(app, "SELECT event FROM audit_events") == [("logged in",)]


def test_the_database_holds_no_token_only_its_hash(app: Flask, logged_in: Browser) -> None:
    token = read_cookie(logged_in.client)["_user_id"]
    assert len(token) >= 43  # 256 random bits
    with app.app_context():
        assert db.session.scalar(db.select(LoginSession.token_hash)) == hashlib.sha256(token.encode()).hexdigest()
        dump = "".join(db.session.connection().connection.driver_connection.iterdump())
        db.session.remove()
    assert token not in dump


def test_a_token_from_the_database_opens_nothing(app: Flask, logged_in: Browser) -> None:
    [(token_hash,)] = run_sql(app, "SELECT token_hash FROM login_sessions")
    visitor = Browser(app.test_client())
    with visitor.client.session_transaction() as session:
        session["_user_id"] = token_hash
    assert not visitor.is_logged_in()


def test_a_remember_cookie_is_neither_read_nor_set(app: Flask, logged_in: Browser) -> None:
    assert logged_in.client.get_cookie("remember_token") is None
    visitor = Browser(app.test_client())
    for value in ("1|é", "1|", "|", "1", f"1|{'0' * 128}"):
        visitor.client.set_cookie("remember_token", value)
        assert visitor.client.get("/").status_code == 200
        assert not visitor.is_logged_in()


@pytest.mark.defect("D7")
def test_logging_out_twice_is_harmless(logged_in: Browser) -> None:
    second_click = copy_of(logged_in)  # sent before the first answer came
    token = token_in(logged_in.client, "/")
    for browser in (logged_in, second_click):
        response = browser.client.post("/accounts/logout/", data={"csrf_token": token})
        assert (response.status_code, response.headers["Location"]) == (302, "/accounts/login/")
        assert not browser.is_logged_in()


def test_a_visitor_who_never_logged_in_may_log_out(client: FlaskClient) -> None:
    token = token_in(client, "/accounts/login/")
    assert client.post("/accounts/logout/", data={"csrf_token": token}).status_code == 302
