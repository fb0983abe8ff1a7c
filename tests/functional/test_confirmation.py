"""Sensitive actions ask for the password unless this session gave it in the last ten minutes; nothing typed is lost."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from flaskcelery.app import SENSITIVE
from flaskcelery.users import deletion, email_change
from flaskcelery.web.rate_limits import LIMITS
from tests.authenticator import Authenticator, recovery_codes_in
from tests.conftest import PASSWORD, Browser, run_sql
from tests.functional.conftest import AGO, Member, pass_ten_minutes
from tests.functional.test_admin_access import rows_of
from tests.functional.two_factor import CODES, OFF, SET_UP
from tests.pages import errors_of

ME = "/accounts/me/"
EMAIL, EXPORT, DELETE = (f"{ME}{name}/" for name in ("email", "export", "delete"))
TITLE = 'data-page="confirm-password"'
UNASKED = {  # posts that do not ask, and why
    "account.submit_username": "it is no secret",
    "account.submit_password_change": "it asks for the old password",
    "account.submit_end_session": "it protects the account",
}


def post(browser: Browser, path: str, **fields: str | list[str]) -> TestResponse:
    """Send a form without fetching its page first, which would show another secret of an app."""
    return browser.client.post(path, data={"csrf_token": Member.token(browser), **fields})


def send_again(browser: Browser, asked: TestResponse, password: str = PASSWORD) -> TestResponse:
    """Fill in the page that asks for the password, and send what it carries."""
    assert TITLE in asked.text
    [(path, form)] = re.findall(r'<form method="post" action="(\S+)" novalidate>(.*?)</form>', asked.text, re.DOTALL)
    inputs = re.findall(r'<input(?=[^>]* type="hidden")[^>]* name="([^"]*)"[^>]* value="([^"]*)"', form)
    fields = [(html.unescape(name), html.unescape(value)) for name, value in inputs]
    return browser.client.post(html.unescape(path), data=MultiDict([*fields, ("password", password)]))


@pytest.mark.requirement(81)
@pytest.mark.parametrize("password", ["", "wrong password", "x" * 2000])
def test_after_ten_minutes_nothing_happens_without_the_password_and_then_what_was_sent_does(
    app: Flask, alice: Member, password: str
) -> None:
    pass_ten_minutes(app)
    again = send_again(alice, post(alice, EMAIL, email="o'neil@example.com", is_mailbox_lost="y"), password)
    assert errors_of(again.text, "password")
    assert run_sql(app, "SELECT pending_email FROM users") == [(None,)]
    assert send_again(alice, again).location == ME
    assert run_sql(app, "SELECT pending_email, is_mailbox_lost FROM users") == [("o'neil@example.com", 1)]


@pytest.mark.requirement(81)
def test_data_is_exported_and_an_account_deleted_with_the_password(app: Flask, alice: Member) -> None:
    pass_ten_minutes(app)
    assert send_again(alice, post(alice, EXPORT)).json["account"]["username"] == "alice"
    pass_ten_minutes(app)
    assert send_again(alice, post(alice, DELETE)).location == "/"


@pytest.mark.requirement(81)
def test_the_second_factor_is_set_up_and_changed_with_the_password(app: Flask, alice: Member) -> None:
    pass_ten_minutes(app)
    asked = post(alice, SET_UP, code=Authenticator(alice.client.get(SET_UP).text).code())
    assert run_sql(app, "SELECT totp_secret FROM users") == [(None,)]
    assert len(recovery_codes_in(send_again(alice, asked).text)) == 10
    pass_ten_minutes(app)
    assert len(recovery_codes_in(send_again(alice, post(alice, CODES)).text)) == 10
    pass_ten_minutes(app)
    assert send_again(alice, post(alice, OFF)).location == ME


@pytest.mark.requirement(81)
def test_every_action_of_the_admin_asks_and_no_page_of_it_does(app: Flask, staff: Member, alice: Member) -> None:
    pass_ten_minutes(app)
    user = f"/admin/users/{alice.id}/"
    for page in ("/admin/", "/admin/users/", user, f"{user}action/edit/", f"{user}action/delete/"):
        assert TITLE not in staff.client.get(page).text
    before = rows_of(app)
    asked = [post(staff, f"{user}action/{name}/") for name in ("end-sessions", "deactivate", "delete")]
    asked.append(post(staff, "/admin/users/action/add/", username="bob", email="bob@example.com"))
    for answer, label in zip(asked, ("End all sessions", "Lock out", "Delete", "Add a user"), strict=True):
        assert f"<strong>{label}</strong>" in answer.text
    assert rows_of(app) == before
    assert send_again(staff, asked[-1]).location == "/admin/users/"
    assert run_sql(app, "SELECT count(*) FROM users WHERE username = 'bob'") == [(1,)]
    assert post(staff, f"{user}action/delete/").location == "/admin/users/"  # not asked again


@pytest.mark.requirement(81)
def test_the_page_that_asks_names_the_action_and_no_text_of_the_url(app: Flask, staff: Member) -> None:
    pass_ten_minutes(app)
    assert f"<strong>{SENSITIVE['account.submit_delete']}</strong>" in post(staff, DELETE).text
    for path in (f"/admin/users/{staff.id}/action/call-555-0100/", "/admin/call-555-0100/action/delete/"):
        assert post(staff, path).status_code == 404


@pytest.mark.requirement(81)
def test_every_form_of_the_account_and_the_admin_asks_or_need_not(app: Flask) -> None:
    blueprints = {"account", "two_factor", "admin"}
    posts = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in rule.methods}
    assert {name for name in posts if name.partition(".")[0] in blueprints} == SENSITIVE.keys() | UNASKED


@pytest.mark.requirement(81)
@pytest.mark.parametrize(("age", "is_asked"), [("595 seconds", False), ("601 seconds", True)])
def test_the_password_counts_for_ten_minutes_of_the_databases_clock(
    app: Flask, alice: Member, age: str, is_asked: bool
) -> None:
    run_sql(app, f"UPDATE login_sessions SET confirmed_at = {AGO.format(age)}")
    assert (TITLE in post(alice, EXPORT).text) == is_asked


@pytest.mark.requirement(81)
def test_the_password_counts_for_its_own_session_only(app: Flask, alice: Member) -> None:
    pass_ten_minutes(app)
    phone = Browser(app.test_client())
    phone.log_in()
    copy = Browser(app.test_client())
    with alice.client.session_transaction() as old, copy.client.session_transaction() as copied:
        copied.update(old)
    assert TITLE in post(copy, EXPORT).text
    assert post(phone, EXPORT).is_json
    pass_ten_minutes(app)
    assert send_again(phone, post(phone, EXPORT)).is_json
    assert TITLE in post(copy, EXPORT).text
    run_sql(app, "UPDATE login_sessions SET confirmed_at = NULL")  # from before there was such a column
    assert TITLE in post(phone, EXPORT).text


def test_the_old_password_of_a_new_one_counts_too(app: Flask, alice: Member) -> None:
    pass_ten_minutes(app)
    new = "brass kettle forty"
    alice.send("/accounts/password_change/", old_password=PASSWORD, new_password1=new, new_password2=new)
    assert post(alice, EXPORT).is_json


@pytest.mark.requirement(81)
def test_a_viewer_gets_no_further_with_the_password(app: Flask, viewer: Member, alice: Member) -> None:
    for _ in range(2):
        before = rows_of(app)
        answer = post(viewer, f"/admin/users/{alice.id}/action/delete/", password=PASSWORD)
        assert answer.status_code == 403
        assert rows_of(app) == before
        pass_ten_minutes(app)


@pytest.mark.requirement(81)
def test_a_session_that_ends_while_its_password_is_checked_does_nothing(
    app: Flask, staff: Member, alice: Member, change_meanwhile
) -> None:
    pass_ten_minutes(app)
    change_meanwhile(f"DELETE FROM login_sessions WHERE user_id = {staff.id}")
    answer = post(staff, f"/admin/users/{alice.id}/action/delete/", password=PASSWORD)
    assert "has changed in the meantime" in answer.text
    assert run_sql(app, f"SELECT count(*) FROM users WHERE id = {alice.id}") == [(1,)]


@pytest.mark.requirement(81)
@pytest.mark.parametrize(("path", "during"), [(EMAIL, email_change.accept_email), (DELETE, deletion.can_undo)])
def test_a_session_whose_password_changes_meanwhile_does_nothing_either(
    app: Flask, alice: Member, monkeypatch: pytest.MonkeyPatch, path: str, during: Callable[[Any], Any]
) -> None:
    def change(value: Any) -> Any:
        run_sql(app, "UPDATE users SET password_hash = 'another'")
        return during(value)

    monkeypatch.setattr(email_change if path == EMAIL else deletion, during.__name__, change)
    assert "has changed in the meantime" in post(alice, path, email="new@example.com").text


@pytest.mark.requirement(81)
def test_no_password_comes_back_in_the_page(app: Flask, alice: Member) -> None:
    pass_ten_minutes(app)
    secrets = {"password": "horse staple", "old_password": "horse staple", "new_password1": "horse staple"}
    page = post(alice, EMAIL, email='"><script>', password_hint="a horse", **secrets).text
    assert "horse staple" not in page
    assert 'name="password_hint" value="a horse"' in page
    assert 'name="email" value="&#34;&gt;&lt;script&gt;"' in page


@pytest.mark.requirement(81)
def test_guesses_are_counted_with_all_others_of_the_password(counting_app: Flask) -> None:
    app, per_account = counting_app, LIMITS["enter_password"].by_account[0]
    alice = Member(app, "alice")
    pass_ten_minutes(app)
    new = {"new_password1": "brass kettle forty", "new_password2": "brass kettle forty"}
    assert alice.send("/accounts/password_change/", old_password="a guess", **new).status_code == 200
    answers = [post(alice, DELETE, password=f"guess {number}").status_code for number in range(per_account)]
    assert answers == [200] * (per_account - 1) + [429]
    assert post(alice, EXPORT, password=PASSWORD).status_code == 429
