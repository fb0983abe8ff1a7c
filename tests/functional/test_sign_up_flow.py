"""From sign-up to login, and back to a page after the session has ended: what each step says, and where it leads."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Browser, MakeApp, run_sql
from tests.pages import csrf_token, focus_of

LOG_IN_FIRST, CONFIRM_FIRST = 'data-note="log-in-first"', 'data-note="confirm-first"'


def test_visitors_whom_a_guard_redirects_are_asked_to_log_in(client: FlaskClient) -> None:
    for answer in (client.get("/accounts/me/", follow_redirects=True), client.get("/admin/", follow_redirects=True)):
        assert LOG_IN_FIRST in answer.text
    assert LOG_IN_FIRST not in client.get("/accounts/login/").text


def test_a_button_pressed_after_the_session_ended_leads_there_too(app: Flask, logged_in: Browser) -> None:
    token = csrf_token(logged_in.client.get("/accounts/me/").text)
    run_sql(app, "DELETE FROM login_sessions")
    answer = logged_in.client.post("/accounts/me/export/", data={"csrf_token": token}, follow_redirects=True)
    assert LOG_IN_FIRST in answer.text


@pytest.fixture
def strict(make_app: MakeApp) -> Browser:
    """Return a browser at a site that requires a confirmed email."""
    return Browser(make_app(EMAIL_CONFIRMATION_REQUIRED="1").test_client())


def test_after_sign_up_the_login_page_says_where_the_link_went_and_has_the_email(auth: Browser) -> None:
    page = auth.client.get(auth.sign_up().location).text
    assert page.index("Account successfully created!") < page.index("<strong>alice@example.com</strong>")
    assert CONFIRM_FIRST not in page
    assert re.search(r'<input[^>]*name="username"[^>]*value="alice@example.com"', page)
    assert focus_of(page) == ["password"]
    assert "alice@example.com" not in auth.client.get("/accounts/login/").text


def test_where_confirmation_is_required_sign_up_says_that_it_comes_first(strict: Browser) -> None:
    page = strict.client.get(strict.sign_up().location).text
    assert "<strong>alice@example.com</strong>" in page
    assert CONFIRM_FIRST in page


def test_an_unconfirmed_login_has_a_button_that_sends_the_link_again(strict: Browser) -> None:
    strict.sign_up()
    page = strict.log_in().text
    message = re.search(r'<div class="error message" role="alert">(.*?)</div>', page, re.DOTALL)[1]
    assert page.count("Please confirm your email first") == 1
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', message))
    assert fields["email"] == "alice@example.com"
    answer = strict.client.post("/accounts/email/resend/", data=fields)
    assert answer.location == "/accounts/login/"
    assert "we’ve sent a new link" in strict.client.get(answer.location).text


def test_no_page_of_a_reset_is_a_dead_end(client: FlaskClient) -> None:
    for path in (
        "/accounts/password_reset/",
        "/accounts/password_reset/done/",
        "/accounts/reset/done/",
        "/accounts/email/resend/",
    ):
        main = client.get(path).text.partition("<main")[2]
        assert 'href="/accounts/login/"' in main
    assert 'href="/accounts/password_reset/"' in client.get("/accounts/reset/1/x/").text.partition("<main")[2]
