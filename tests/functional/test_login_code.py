"""The second page of a login: it opens to the right password of this browser, and its codes work once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask

from flaskcelery.audit.events import Event
from flaskcelery.database import database_now, db
from flaskcelery.users.models import User
from flaskcelery.users.tokens import Purpose, make_token
from tests.conftest import PASSWORD, Browser, events, run_sql, send_emails
from tests.functional.two_factor import CODE, LOG_IN, RECOVERY, SET_UP_AT_LOGIN, Person, forget_step
from tests.pages import csrf_token, errors_of


@pytest.fixture
def alice(app: Flask) -> Person:
    return Person(app)


def sessions(app: Flask) -> int:
    return int(run_sql(app, "SELECT count(*) FROM login_sessions")[0][0])


def test_a_login_goes_on_to_where_it_began(alice: Person) -> None:
    answer = alice.send("/accounts/login/?next=/accounts/me/", username=alice.email, password=PASSWORD)
    assert answer.location == f"{CODE}?next=/accounts/me/"
    page = alice.client.get(answer.location).text
    assert f"{RECOVERY}?next=/accounts/me/" in page
    code = f"{alice.app.code()[:3]} {alice.app.code()[3:]}"
    answer = alice.client.post(answer.location, data={"csrf_token": csrf_token(page), "code": code})
    assert (answer.status_code, answer.location) == (302, "/accounts/me/")
    assert alice.is_logged_in()


@pytest.mark.requirement(73)
def test_the_right_password_alone_begins_no_session_and_opens_no_page(app: Flask, alice: Person) -> None:
    alice.begin(remember="y")
    assert (sessions(app), alice.is_logged_in()) == (0, False)
    assert events(app)[-1] == Event.LOG_OUT
    visitor = app.test_client()
    rules = [rule for rule in app.url_map.iter_rules() if not rule.arguments and "GET" in rule.methods]
    paths = [rule.rule for rule in rules if not rule.rule.startswith(("/metrics", "/accounts/login/set-up"))]
    for path in paths:
        answers = [client.get(path) for client in (alice.client, visitor)]
        assert len({(answer.status_code, answer.location) for answer in answers}) == 1, path
    assert alice.client.get(SET_UP_AT_LOGIN).location == CODE


@pytest.mark.requirement(73)
def test_the_right_password_counts_for_ten_minutes(app: Flask, alice: Person) -> None:
    for seconds, status in ((590, 200), (601, 302)):
        alice.begin()
        with app.test_request_context(), alice.client.session_transaction() as cookie:
            made_at = database_now() - timedelta(seconds=seconds)
            token = make_token(Purpose.FINISH_LOGIN, db.session.get_one(User, 1), made_at)
            user_id, _, remember = cookie["pending_login"]
            cookie["pending_login"] = (user_id, token, remember)
        assert alice.client.get(CODE).status_code == status
    assert alice.send("/accounts/login/code/", code=alice.app.code()).status_code == 302
    assert sessions(app) == 0


@pytest.mark.requirement(73)
def test_the_right_password_counts_in_its_own_browser_only(app: Flask, alice: Person) -> None:
    path = alice.begin().location
    assert alice.client.get(path).status_code == 200
    thief = Browser(app.test_client())
    assert thief.client.get(path).location == LOG_IN
    assert thief.send(path, code=alice.app.code()).location == LOG_IN
    assert (sessions(app), thief.is_logged_in()) == (0, False)


@pytest.mark.requirement(73)
def test_the_right_password_counts_for_its_own_account_only(app: Flask, alice: Person) -> None:
    mallory = Person(app, "mallory")
    mallory.begin()
    for path, code in ((CODE, alice.app.code()), (RECOVERY, alice.codes[0])):
        assert errors_of(mallory.send(path, code=code).text, "code")
    with mallory.client.session_transaction() as cookie:  # as if it could be forged but for the token
        cookie["pending_login"] = (1, *cookie["pending_login"][1:])
    assert mallory.send(CODE, code=alice.app.code()).location == LOG_IN
    assert sessions(app) == 0


@pytest.mark.requirement(73)
@pytest.mark.parametrize(
    "change",
    [
        "password_hash = 'new'",
        "is_active = false",
        "last_login_at = '2030-01-01 00:00:00.000000'",
        "totp_secret = NULL",
        "email = 'moved@example.com', email_key = 'moved@example.com'",
    ],
)
def test_the_right_password_counts_while_the_account_stays_the_same(app: Flask, alice: Person, change: str) -> None:
    alice.begin()
    page = alice.client.get(CODE)
    run_sql(app, f"UPDATE users SET {change}")
    data = {"csrf_token": csrf_token(page.text), "code": alice.app.code()}
    assert alice.client.post(CODE, data=data).location == LOG_IN
    assert sessions(app) == 0


@pytest.mark.requirement(73)
def test_a_copy_of_the_cookie_is_worth_nothing_after_the_login(app: Flask, alice: Person) -> None:
    alice.begin()
    with alice.client.session_transaction() as cookie:
        copied = cookie["pending_login"]
    assert alice.send(CODE, code=alice.app.code()).location == "/"
    with alice.client.session_transaction() as cookie:
        assert "pending_login" not in cookie
    thief = Browser(app.test_client())
    with thief.client.session_transaction() as cookie:
        cookie["pending_login"] = copied
    assert thief.client.get(CODE).status_code == 302


@pytest.mark.requirement(74)
def test_a_code_is_refused_a_second_time_and_so_is_an_older_one(app: Flask, alice: Person) -> None:
    codes = {steps: alice.app.code(steps) for steps in (-1, 0, 1)}
    for steps, works in ((0, True), (0, False), (-1, False), (1, True), (1, False), (0, False)):
        alice.begin()
        answer = alice.send(CODE, code=codes[steps])
        assert (answer.status_code == 302) == works, steps
        if works:
            alice.log_out()
    assert events(app).count(Event.WRONG_CODE) == 4


def test_a_code_of_another_time_is_refused(alice: Person) -> None:
    alice.begin()
    for code in (alice.app.code(-3), alice.app.code(3), alice.app.wrong_code(), "٠٠٠٠٠٠", "0", "x" * 300):
        assert errors_of(alice.send(CODE, code=code).text, "code") == [
            "This code is wrong, has expired or has been used already."
        ]
    assert errors_of(alice.send(CODE, code=" ").text, "code") == ["Enter the code."]


@pytest.mark.requirement(75)
@pytest.mark.requirement(79)
def test_each_recovery_code_works_once_and_its_owner_is_told(app: Flask, alice: Person) -> None:
    send_emails(app)
    for code in alice.codes[:2]:
        alice.begin()
        assert alice.send(RECOVERY, code=code.replace("-", " ").upper()).location == "/"
        alice.log_out()
        alice.begin()
        assert errors_of(alice.send(RECOVERY, code=code).text, "code")
    assert run_sql(app, "SELECT count(*) FROM recovery_codes") == [(8,)]
    assert [email.args["event"] for email in send_emails(app)] == [Event.RECOVERY_CODE_USED] * 2
    assert events(app).count(Event.RECOVERY_CODE_USED) == 2
    forget_step(app)
    assert alice.send(CODE, code=alice.app.code()).location == "/"
    assert re.search("<small>8 [^<]+</small>", alice.client.get("/accounts/me/").text)


def test_a_kept_login_is_kept_after_the_code(app: Flask, alice: Person) -> None:
    alice.begin(remember="y")
    alice.send(CODE, code=alice.app.code())
    assert run_sql(app, "SELECT is_remembered FROM login_sessions") == [(1,)]
    with alice.client.session_transaction() as cookie:
        assert cookie.permanent


def test_logging_out_forgets_the_right_password(alice: Person) -> None:
    alice.begin()
    alice.client.post("/accounts/logout/")
    assert alice.client.get(CODE).location == LOG_IN
