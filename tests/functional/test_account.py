"""My account: what its owner sees and may change; every other browser feels it at its next request."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Browser, events, run_sql, send_emails
from tests.pages import csrf_token

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"


def press(browser: Browser, action: str) -> Any:
    """Press the button of the account page that posts to `action`."""
    page = browser.client.get("/accounts/me/").text
    assert f'action="{action}"' in page
    token = csrf_token(page)
    return browser.client.post(action, data={"csrf_token": token})


@pytest.fixture
def other(app: Flask, logged_in: Browser) -> Browser:
    """Return a second browser in which alice is logged in."""
    browser = Browser(app.test_client())
    browser.client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    browser.log_in()
    return browser


@pytest.mark.parametrize("path", ["", "username/", "email/", "delete/"])
def test_a_visitor_is_sent_to_the_log_in_page(app: Flask, auth: Browser, path: str) -> None:
    answer = auth.client.get(f"/accounts/me/{path}")
    assert (answer.status_code, unquote(answer.location)) == (302, f"/accounts/login/?next=/accounts/me/{path}")


def test_a_button_of_a_page_left_open_too_long_leads_by_the_log_in_page_to_no_error(
    app: Flask, logged_in: Browser
) -> None:
    page = logged_in.client.get("/accounts/me/").text
    run_sql(app, "DELETE FROM login_sessions")
    token = csrf_token(page)
    answer = logged_in.client.post("/accounts/me/export/", data={"csrf_token": token})
    assert (answer.status_code, answer.location) == (302, "/accounts/login/?next=/")


@pytest.mark.parametrize(
    "path", ["username/", "email/", "delete/", "export/", "sessions/1/end/", "sessions/end_others/"]
)
def test_nothing_changes_without_a_log_in_or_a_token(app: Flask, logged_in: Browser, path: str) -> None:
    token = csrf_token(logged_in.client.get("/").text)
    visitor = app.test_client()
    before = events(app)
    fields = {"username": "mallory", "password": PASSWORD, "email": "mallory@example.com"}
    assert visitor.post(f"/accounts/me/{path}", data={**fields, "csrf_token": token}).status_code in {302, 400}
    assert logged_in.client.post(f"/accounts/me/{path}", data=fields).status_code == 400
    assert logged_in.is_logged_in()
    assert events(app) == before


def test_the_page_lists_the_browsers_in_words_and_marks_this_one(logged_in: Browser, other: Browser) -> None:
    page = other.client.get("/accounts/me/").text
    assert 'Firefox on Windows <span class="tag good">this device</span>' in page
    assert "Unknown device" in page
    assert re.search(r"<small>127.0.0.1, [^<]*\d\d? \w+ \d{4}</small>", page)  # of this browser, no last use is shown
    assert page.count("<small>127.0.0.1, ") == 2
    assert page.count("/end/") == 1


def test_one_browser_is_logged_out_from_another(app: Flask, logged_in: Browser, other: Browser) -> None:
    [(other_id,)] = run_sql(app, "SELECT id FROM login_sessions WHERE device LIKE '%Firefox%'")
    assert press(logged_in, f"/accounts/me/sessions/{other_id}/end/").status_code == 302
    assert (logged_in.is_logged_in(), other.is_logged_in()) == (True, False)
    assert events(app)[-1] == "session ended"


def test_a_session_that_there_is_not_ends_none(logged_in: Browser) -> None:
    token = csrf_token(logged_in.client.get("/accounts/me/").text)
    for number in (0, 99):
        answer = logged_in.client.post(f"/accounts/me/sessions/{number}/end/", data={"csrf_token": token})
        assert answer.status_code == 302
        assert logged_in.is_logged_in()


def test_all_other_browsers_are_logged_out_at_once(app: Flask, logged_in: Browser, other: Browser) -> None:
    third = Browser(app.test_client())
    third.log_in()
    press(logged_in, "/accounts/me/sessions/end_others/")
    assert [browser.is_logged_in() for browser in (logged_in, other, third)] == [True, False, False]


def test_nobody_ends_a_session_of_somebody_else(app: Flask, logged_in: Browser) -> None:
    mallory = Browser(app.test_client())
    mallory.sign_up(username="mallory", email="mallory@example.com")
    mallory.log_in(email="mallory@example.com")
    [(alices,)] = run_sql(app, "SELECT id FROM login_sessions WHERE user_id = 1")
    token = csrf_token(mallory.client.get("/").text)
    for path in (f"sessions/{alices}/end/", "sessions/end_others/"):
        assert mallory.client.post(f"/accounts/me/{path}", data={"csrf_token": token}).status_code == 302
    assert logged_in.is_logged_in()
    overflow = mallory.client.post(f"/accounts/me/sessions/{2**63}/end/", data={"csrf_token": token})
    assert overflow.status_code == 404


def test_the_page_lists_the_emails_and_what_became_of_them(app: Flask, logged_in: Browser) -> None:
    def emails() -> list[list[str]]:
        section = logged_in.client.get("/accounts/me/").text.partition('id="emails"')[2].partition("</section>")[0]
        return re.findall(r'<li><div>([^<]+)<.*?class="tag[ \w]*">([^<]+)<', section, re.DOTALL)

    assert emails() == [("Welcome", "waiting")]
    send_emails(app)
    assert emails() == [("Welcome", "sent")]
    run_sql(app, "UPDATE outbox SET done_at = NULL, failed_at = created_at")
    assert emails() == [("Welcome", "failed")]
    run_sql(app, "UPDATE outbox SET failed_at = NULL, done_at = created_at, sent_nothing = true")
    assert emails() == [("Welcome", "nothing to send")]
    run_sql(app, "UPDATE outbox SET task = 'send_what_is_no_more', user_id = 2")
    assert emails() == []


def test_a_username_is_changed(app: Flask, logged_in: Browser) -> None:
    logged_in.send("/accounts/me/username/", username=" Bob ", is_staff="1", email="x@example.com")
    assert run_sql(app, "SELECT username, username_key, is_staff, email FROM users") == [
        ("Bob", "bob", 0, "alice@example.com")
    ]
    assert re.search("<h1>[^<]*<bdi>Bob</bdi>", logged_in.client.get("/").text)
    assert events(app)[-1] == "username changed"
    logged_in.send("/accounts/me/username/", username="BOB")
    assert run_sql(app, "SELECT username FROM users") == [("BOB",)]


@pytest.mark.parametrize(
    ("username", "sentence"),
    [
        ("", "Enter a username."),
        ("al ice", "Use letters, numbers and @ . + - _ only."),
        ("www.example.com", "looks like a web address"),
        ("ＣＡＲＯＬ", "A user with that username already exists."),
    ],
)
def test_a_bad_or_taken_username_is_refused_as_at_sign_up(
    app: Flask, logged_in: Browser, username: str, sentence: str
) -> None:
    Browser(app.test_client()).sign_up(username="carol", email="carol@example.com")
    answer = logged_in.send("/accounts/me/username/", username=username)
    assert (answer.status_code, sentence in answer.text) == (200, True)
    assert run_sql(app, "SELECT username FROM users ORDER BY id") == [("alice",), ("carol",)]


def test_the_export_does_not_tell_where_staff_were(app: Flask, logged_in: Browser) -> None:
    run_sql(app, "UPDATE audit_events SET actor_id = 2, ip_address = '198.51.100.77' WHERE event = 'logged in'")
    events = json.loads(press(logged_in, "/accounts/me/export/").text)["events"]
    assert [event["ip_address"] for event in events] == ["127.0.0.1", "", "127.0.0.1"]


def test_the_export_holds_everything_but_hashes(app: Flask, logged_in: Browser, other: Browser) -> None:
    answer = press(logged_in, "/accounts/me/export/")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="account.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    data = json.loads(answer.text)
    assert data["account"]["email"] == "alice@example.com"
    assert {session["device"] for session in data["sessions"]} >= {FIREFOX}
    assert [message["what"] for message in data["emails"]] == ["Welcome"]
    assert [event["event"] for event in data["events"]][::-1] == [
        *("signed up", "logged in", "logged in", "data exported")
    ]
    for (secret,) in run_sql(app, "SELECT password_hash FROM users UNION SELECT token_hash FROM login_sessions"):
        assert secret not in answer.text
    assert events(app)[-1] == "data exported"
    assert logged_in.client.get("/accounts/me/export/").status_code == 405
