"""The link of a password reset: what it is good for, when it dies, and who may use it."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import db, now_plus
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.tasks import TASKS
from flaskcelery.users.models import User
from tests.conftest import PASSWORD, Browser, run_sql
from tests.functional.test_password_reset import NEW, ask, change_row, counts, follow
from tests.pages import DEAD, csrf_token, errors_of


@pytest.fixture
def member(auth: Browser) -> Browser:
    """Return the browser of somebody who has an account and is not logged in."""
    auth.sign_up()
    return auth


def test_a_link_works_once(app: Flask, member: Browser) -> None:
    link = ask(member)
    form = member.client.get(link).location
    assert follow(member, link).status_code == 302
    for browser in (member, Browser(app.test_client())):
        for path in (link, form):
            response = browser.client.get(path)
            assert response.status_code == 200
            assert DEAD in response.text


ENDINGS: dict[str, Callable[[Flask, Browser], object]] = {
    "another reset": lambda _app, browser: follow(browser, ask(browser)),
    "a login": lambda app, _browser: Browser(app.test_client()).log_in(),
    "another password": lambda app, _browser: change_row(app, password_hash="another"),
    "another address": lambda app, _browser: change_row(app, email="new@example.com", email_key="new@example.com"),
    "deactivation": lambda app, _browser: change_row(app, is_active=False),
    "the end of the account": lambda app, _browser: run_sql(app, "DELETE FROM users"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_link_is_dead_after(app: Flask, member: Browser, ending: str) -> None:
    link = ask(member)
    tab = Browser(app.test_client())
    form = tab.client.get(link).location
    page = tab.client.get(form).text
    token = csrf_token(page)
    ENDINGS[ending](app, member)
    fields = {"csrf_token": token, "new_password1": "brass kettle forty", "new_password2": "brass kettle forty"}
    for response in (tab.client.get(link), tab.client.get(form), tab.client.post(form, data=fields)):
        assert response.status_code == 200
        assert DEAD in response.text
    tab.log_in(password="brass kettle forty")
    assert not tab.is_logged_in()


def test_a_link_lives_an_hour(app: Flask, member: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from flaskcelery.users import tokens

    link = ask(member)
    for seconds, is_good in ((3590, True), (3602, False)):
        monkeypatch.setattr(
            tokens, "database_now", lambda seconds=seconds: db.session.scalar(select(now_plus(seconds)))
        )
        assert (member.client.get(link).status_code == 302) == is_good


@pytest.mark.parametrize(
    "path",
    ["0-" + "0" * 64, "x", "%00", "set-password%20", "ffffffff-" + "f" * 64, "ffffffffff-" + "f" * 64, "é", "a" * 3000],
)
def test_a_link_that_was_never_sent_is_invalid(app: Flask, member: Browser, path: str) -> None:
    response = member.client.get(f"/accounts/reset/1/{path}/")
    assert response.status_code == 200
    assert DEAD in response.text


@pytest.mark.parametrize("user_id", ["2", "0", "9223372036854775807", "9223372036854775808", "9" * 50])
def test_a_link_with_another_users_id_is_invalid(app: Flask, member: Browser, user_id: str) -> None:
    Browser(app.test_client()).sign_up(username="bob", email="bob@example.com")
    link = ask(member)
    response = member.client.get(link.replace("/reset/1/", f"/reset/{user_id}/"))
    assert DEAD in response.text or response.status_code == 404
    member.client.get(link)  # the session now holds alice's token
    assert member.client.get(f"/accounts/reset/{user_id}/set-password/").status_code in {200, 404}
    assert "new_password1" not in member.client.get(f"/accounts/reset/{user_id}/set-password/").text


def test_looking_at_a_link_changes_nothing(app: Flask, member: Browser) -> None:
    link = ask(member)
    before = counts(app)
    scanner: FlaskClient = app.test_client()
    for method in ("HEAD", "GET", "GET", "OPTIONS"):
        scanner.open(link, method=method, follow_redirects=True)
    assert counts(app) == before
    assert follow(member, link).status_code == 302


def test_the_form_works_in_a_second_tab_and_after_a_mistake(member: Browser) -> None:
    link = ask(member)
    member.client.get(link)
    response = follow(member, link, again="something else")
    assert errors_of(response.text, "new_password2") == ["The two password fields didn’t match."]
    assert NEW not in response.text
    assert "something else" not in response.text
    assert errors_of(follow(member, link, "alice1").text, "new_password1") == [
        "The password is too similar to the username.",
        "This password is too short. It must contain at least 8 characters.",
    ]
    assert errors_of(follow(member, link, "iloveyou").text, "new_password1") == ["This password is too common."]
    assert follow(member, link).status_code == 302


def test_the_page_tells_the_rules_and_keeps_the_token_to_itself(member: Browser) -> None:
    link = ask(member)
    response = member.client.get(link, follow_redirects=True)
    assert re.findall(r'<input[^>]* name="(\w+)"', response.text) == ["csrf_token", "new_password1", "new_password2"]
    assert response.text.count('autocomplete="new-password"') == 2
    assert "At least 8 characters." in response.text
    assert link.split("/")[4] not in response.text
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_reset_confirms_the_address_ends_sessions_tells_the_owner_and_is_written_down(
    app: Flask, member: Browser
) -> None:
    follow(member, ask(member))
    with app.app_context():
        assert db.session.scalar(select(User.email_confirmed_at))
        row = db.session.scalars(select(OutboxRow).where(OutboxRow.task == "send_password_changed_email")).one()
        assert TASKS[row.task](**row.args).recipients == ["alice@example.com"]
        events = db.session.scalars(select(AuditEvent.event).order_by(AuditEvent.id)).all()
    assert events == ["signed up", "password reset requested", "password reset"]


def test_an_address_stays_confirmed_since_when_it_was(app: Flask, member: Browser) -> None:
    change_row(app, email_confirmed_at=now_plus(-86400))
    with app.app_context():
        before = db.session.scalar(select(User.email_confirmed_at))
    assert follow(member, ask(member)).status_code == 302
    with app.app_context():
        assert db.session.scalar(select(User.email_confirmed_at)) == before


def test_the_token_is_in_no_log_line_and_not_in_the_database(
    app: Flask, member: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    link = ask(member)
    follow(member, link)
    signature = link.split("/")[4].partition("-")[2]
    assert len(signature) == 64
    with app.app_context():
        dump = "".join(db.session.connection().connection.driver_connection.iterdump())
        db.session.remove()
    assert signature not in caplog.text
    assert signature not in dump


def test_of_twenty_uses_at_once_exactly_one_succeeds(app: Flask, member: Browser) -> None:
    link = ask(member)
    tabs = [Browser(app.test_client()) for _ in range(20)]
    line = threading.Barrier(len(tabs))

    def use(number: int) -> str:
        form = tabs[number].client.get(link).location
        token = csrf_token(tabs[number].client.get(form).text)
        password = f"brass kettle number {number}"
        line.wait(60)
        fields = {"csrf_token": token, "new_password1": password, "new_password2": password}
        response = tabs[number].client.post(form, data=fields)
        return response.location or re.search("<h1 (.*?)>", response.text)[1]

    with ThreadPoolExecutor(len(tabs)) as pool:
        answers = list(pool.map(use, range(len(tabs))))
    assert sorted(answers) == ["/accounts/reset/done/"] + [DEAD] * 19
    member.log_in(password=f"brass kettle number {answers.index('/accounts/reset/done/')}")
    assert member.is_logged_in()
    member.log_out()
    member.log_in(password=PASSWORD)
    assert not member.is_logged_in()
