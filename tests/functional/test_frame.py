"""What all pages share: header and menu, titles, the cursor and the error summary; and the small files."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import TooManyRequests

from flaskcelery.app import create_app
from flaskcelery.web.templates import MENU
from tests.conftest import PASSWORD, Browser, MakeApp, close, run_sql
from tests.functional.conftest import Member
from tests.pages import focus_of

LOG_OUT = 'action="/accounts/logout/"'
LOG_IN, CHANGE_EMAIL, CHANGE_PASSWORD = "/accounts/login/", "/accounts/me/email/", "/accounts/password_change/"


def header_of(page: str) -> str:
    """Return the part of a page that has the menu."""
    return re.search(r"<header.*?</header>", page, re.DOTALL)[0]


def title_of(page: str) -> str:
    return re.search("<title>(.*?)</title>", page)[1]


def test_visitors_are_offered_login_and_sign_up_on_every_page(client: FlaskClient) -> None:
    for path in ("/", "/accounts/login/", "/accounts/password_reset/", "/nowhere/"):
        header = header_of(client.get(path).text)
        assert 'href="/accounts/login/"' in header
        assert 'href="/accounts/signup/"' in header
        assert LOG_OUT not in header


def test_members_can_log_out_on_every_page(logged_in: Browser) -> None:
    for path in ("/", "/accounts/me/", CHANGE_EMAIL, CHANGE_PASSWORD, "/accounts/email/resend/", "/nowhere/"):
        header = header_of(logged_in.client.get(path).text)
        assert LOG_OUT in header
        assert 'href="/accounts/me/"' in header
        assert "/accounts/signup/" not in header


def test_the_menu_of_members_has_the_pages_of_features(
    client: FlaskClient, logged_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MENU, "home.show_robots", "A feature")
    link = '<a href="/robots.txt">A feature</a>'
    assert all(link in header_of(logged_in.client.get(path).text) for path in ("/", "/nowhere/"))
    logged_in.log_out()
    assert link not in client.get("/").text


def test_only_people_with_a_role_see_the_administration_in_the_menu(
    alice: Member, staff: Member, viewer: Member
) -> None:
    has_link = ['href="/admin/"' in header_of(who.client.get("/").text) for who in (alice, staff, viewer)]
    assert has_link == [False, True, True]


def test_the_menu_of_an_error_page_logs_out(logged_in: Browser) -> None:
    page = logged_in.client.get("/nowhere/").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', header_of(page))[1]
    assert logged_in.client.post("/accounts/logout/", data={"csrf_token": token}).status_code == 302
    assert not logged_in.is_logged_in()


def test_an_error_page_knows_a_session_without_the_database(app: Flask, logged_in: Browser) -> None:
    run_sql(app, "ALTER TABLE login_sessions RENAME TO elsewhere")
    answer = logged_in.client.get("/")
    assert (answer.status_code, LOG_OUT in header_of(answer.text)) == (503, True)
    run_sql(app, "ALTER TABLE elsewhere RENAME TO login_sessions")


def test_a_name_cannot_break_out_of_the_menu(app: Flask) -> None:
    member = Member(app, "alice")
    run_sql(app, "UPDATE users SET username = '<b>x'")
    header = header_of(member.client.get("/").text)
    assert "<bdi>&lt;b&gt;x</bdi>" in header
    assert ">&lt;</span>" in header


def test_one_wrong_field_has_the_cursor_and_no_summary(auth: Browser) -> None:
    page = auth.sign_up(email="nonsense").text
    assert focus_of(page) == ["email"]
    assert 'role="alert"' not in page
    assert 'aria-describedby="SignUpForm-email-errors"' in page
    assert 'id="SignUpForm-email-hint"' not in page  # the error takes its place
    assert 'aria-describedby="SignUpForm-username-hint"' in page


def test_several_wrong_fields_have_a_summary_with_the_cursor_and_links_in_displayed_order(auth: Browser) -> None:
    page = auth.sign_up(username="bad name", email="nonsense", password1="1", password2="1").text
    assert focus_of(page) == ["summary"]
    summary = re.search(
        r'<div class="error message" role="alert" tabindex="-1" autofocus>(.*?)</div>', page, re.DOTALL
    )[1]
    links = dict(re.findall(r'<a href="#SignUpForm-(\w+)">(.+?)</a>', summary))
    assert list(links) == ["username", "email", "password1"]  # one for all errors of a field
    assert all(page.count(error) == 2 for error in links.values())  # there, and beside the field


@pytest.mark.parametrize(
    ("path", "names"),
    [(LOG_IN, ["username", "password"]), (CHANGE_PASSWORD, ["old_password", "new_password1", "new_password2"])],
)
def test_errors_are_listed_in_the_order_of_the_fields(logged_in: Browser, path: str, names: list[str]) -> None:
    page = logged_in.send(path).text
    assert re.findall(r'<a href="#\w+-(\w+)">', page) == names
    assert re.findall(r'<input(?=[^>]*required)[^>]* name="(\w+)"', page) == names


def test_the_cursor_is_in_the_first_wrong_field_as_displayed(logged_in: Browser) -> None:
    assert focus_of(logged_in.send(CHANGE_EMAIL, password=PASSWORD).text) == ["email"]
    page = logged_in.send(CHANGE_PASSWORD, old_password=PASSWORD, new_password1="x", new_password2="x").text
    assert focus_of(page) == ["new_password1"]


def test_staffs_forms_have_the_cursor_in_the_wrong_field_too(staff: Member) -> None:
    page = staff.act("/admin/users/", "add", username="newcomer", email="nonsense").text
    assert focus_of(page) == ["email"]
    assert re.fullmatch(r"\w+: Add a user, Users \| flaskcelery", title_of(page))


def test_the_title_of_a_refused_form_says_so(auth: Browser) -> None:
    for path, refused in (
        ("/accounts/signup/", auth.sign_up(email="nonsense")),
        ("/accounts/login/", auth.log_in(password="wrong")),
    ):
        title = title_of(auth.client.get(path).text)
        assert title.endswith(" | flaskcelery")
        assert title_of(refused.text).endswith(f": {title}")


def test_every_page_has_a_description_and_a_skip_link(client: FlaskClient) -> None:
    for path in ("/", "/accounts/login/", "/accounts/signup/", "/nowhere/"):
        page = client.get(path).text
        assert re.search(r'<meta name="description" content="[^"]{10,}">', page)
        assert '<a class="skip" href="#main">' in page
        assert '<main id="main"' in page


def test_rules_are_told_beforehand(make_app: MakeApp) -> None:
    page = make_app(PASSWORD_MIN_LENGTH="15").test_client().get("/accounts/signup/").text
    for hint in ("Letters, numbers and @ . + - _ only", 'id="SignUpForm-email-hint"', "At least 15 characters."):
        assert hint in page


@pytest.mark.parametrize("path", [CHANGE_PASSWORD])
def test_password_managers_find_the_account(logged_in: Browser, path: str) -> None:
    [field] = re.findall(r'<input[^>]*autocomplete="username"[^>]*>', logged_in.client.get(path).text)
    for attribute in ('type="text"', 'tabindex="-1"', "readonly", 'value="alice@example.com"'):
        assert attribute in field


@pytest.mark.parametrize(
    ("seconds", "sentence"), [(7, "a minute"), (60, "a minute"), (61, "2 minutes"), (898, "15 minutes")]
)
def test_who_tries_too_often_is_told_for_how_long(environ: dict[str, str], seconds: int, sentence: str) -> None:
    app = create_app(environ)

    @app.get("/slow-down")
    def slow_down() -> None:
        raise TooManyRequests(retry_after=seconds)

    assert f"Try again in {sentence}." in app.test_client().get("/slow-down").text
    close(app)


def test_robots_may_read_public_pages_only(client: FlaskClient) -> None:
    answer = client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    refused = re.findall(r"Disallow: (\S+)", answer.text)
    assert "/admin/" in refused
    for path in ("/", "/accounts/login/", "/accounts/signup/", "/static/site.css"):
        assert not any(path.startswith(each) for each in refused)


def test_browsers_find_the_icon_and_password_managers_the_page(client: FlaskClient) -> None:
    with client.get(client.get("/favicon.ico").location) as icon:
        assert icon.mimetype == "image/svg+xml"
    assert client.get("/.well-known/change-password").location == "/accounts/password_change/"


def test_a_page_that_is_not_allowed_says_as_whom(alice: Member) -> None:
    answer = alice.client.get("/admin/")
    assert (answer.status_code, "You’re logged in as alice." in answer.text) == (403, True)


def test_a_form_is_sent_to_its_page_without_the_fragment_that_a_link_to_a_field_has_added(auth: Browser) -> None:
    page = auth.sign_up(email="nonsense").text
    assert '<form method="post" action="/accounts/signup/"' in page
