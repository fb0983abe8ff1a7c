"""How long a login session lasts, by the database's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from importlib.metadata import version

import pytest
from flask import Flask
from flask_login import current_user
from itsdangerous import TimestampSigner
from sqlalchemy import update

from flaskcelery.database import db, pause, transaction
from flaskcelery.users.models import User
from tests.conftest import Browser, run_sql
from tests.functional.conftest import AGO


def test_an_expired_session_is_out(app: Flask, logged_in: Browser) -> None:
    run_sql(app, "UPDATE login_sessions SET expires_at = strftime('%Y-%m-%d %H:%M:%f000', 'now', '-1 second')")
    assert not logged_in.is_logged_in()


def test_a_session_ends_by_itself_after_fourteen_days_and_its_cookie_with_the_browser(
    app: Flask, logged_in: Browser
) -> None:
    [(days,)] = run_sql(app, "SELECT julianday(expires_at) - julianday(created_at) FROM login_sessions")
    assert round(days, 3) == 14
    assert logged_in.client.get_cookie("session").expires is None


def test_a_remembered_session_lasts_ninety_days_and_so_does_its_cookie(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    auth.log_in(remember="y")
    [(days,)] = run_sql(app, "SELECT julianday(expires_at) - julianday(created_at) FROM login_sessions")
    assert round(days, 3) == 90
    expires = auth.client.get_cookie("session").expires
    assert expires
    assert 89 < (expires - datetime.now(UTC)).days + 1 < 91


@pytest.mark.parametrize(
    ("fields", "still_in", "out"),
    [({}, "11 hours", "13 hours"), ({"remember": "y"}, "29 days", "31 days")],
    ids=["not remembered", "remembered"],
)
def test_a_session_that_nobody_uses_ends(
    app: Flask, auth: Browser, fields: dict[str, str], still_in: str, out: str
) -> None:
    auth.sign_up()
    auth.log_in(**fields)
    run_sql(app, f"UPDATE login_sessions SET last_seen_at = {AGO.format(still_in)}")
    assert auth.is_logged_in()
    run_sql(app, f"UPDATE login_sessions SET last_seen_at = {AGO.format(out)}")
    assert not auth.is_logged_in()


def test_a_used_session_is_seen_but_not_at_each_request(app: Flask, logged_in: Browser) -> None:
    seen = "SELECT last_seen_at, ip_address, device FROM login_sessions"
    before = run_sql(app, seen)
    assert before[0][1:] == ("127.0.0.1", f"Werkzeug/{version('werkzeug')}")
    logged_in.is_logged_in()
    assert run_sql(app, seen) == before
    run_sql(app, f"UPDATE login_sessions SET ip_address = '', last_seen_at = {AGO.format('6 minutes')}")
    assert logged_in.is_logged_in()
    assert run_sql(app, seen)[0][1] == "127.0.0.1"


def test_a_view_that_is_writing_when_it_first_asks_for_its_user_is_not_disturbed(
    app: Flask, logged_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write() -> str:
        with transaction():
            db.session.execute(update(User).values(username="alicia"))
            name: str = current_user.username
        pause(current_user)
        return name

    run_sql(app, f"UPDATE login_sessions SET ip_address = '', last_seen_at = {AGO.format('6 minutes')}")
    with monkeypatch.context() as here:
        here.setitem(app.view_functions, "home.show_robots", write)
        assert logged_in.client.get("/robots.txt").text == "alicia"
    assert run_sql(app, "SELECT ip_address FROM login_sessions") == [("",)]
    assert logged_in.is_logged_in()
    assert run_sql(app, "SELECT ip_address FROM login_sessions") == [("127.0.0.1",)]


def test_ended_sessions_are_purged_with_their_addresses(app: Flask, logged_in: Browser) -> None:
    run_sql(app, f"UPDATE login_sessions SET last_seen_at = {AGO.format('13 hours')}")
    assert app.test_cli_runner().invoke(args=["outbox", "purge"]).output == "Deleted: 1\n"
    assert run_sql(app, "SELECT * FROM login_sessions") == []


@pytest.mark.parametrize("hours", [2, -15 * 24])
def test_the_clock_of_another_host_ends_no_session(auth: Browser, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """The cookie comes from the future, or is older than a session may be: the row alone has an age."""
    auth.sign_up()
    with monkeypatch.context() as there:
        there.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time()) + hours * 3600)
        auth.log_in()
    assert auth.is_logged_in()
