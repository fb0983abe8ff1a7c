"""The email about a login with a browser that the account does not know, and when it knows one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event

from flaskcelery.admin.operations import create_user
from flaskcelery.database import db
from flaskcelery.mail.message import Message
from flaskcelery.users.passwords import hasher
from flaskcelery.users.sessions import log_out_devices
from tests.conftest import PASSWORD, Browser, run_sql, send_emails
from tests.functional.conftest import AGO, SITE, Member
from tests.functional.two_factor import CODE, LOG_IN, Person
from tests.pages import csrf_token

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def notices(app: Flask) -> list[Message]:
    """Return the emails about new devices that go out now."""
    return [email for email in send_emails(app) if email.task == "send_new_device_notice"]


def browser(app: Flask, user_agent: str = WINDOWS) -> Browser:
    """Return a browser that nobody has used yet."""
    new = Browser(app.test_client())
    new.client.environ_base |= {"HTTP_USER_AGENT": user_agent, "REMOTE_ADDR": "203.0.113.7"}
    return new


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect what is sent to the database meanwhile."""
    sent: list[str] = []

    def collect(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", collect)


@pytest.fixture
def alice(app: Flask, alice: Member) -> Member:
    """Return alice, whose email is confirmed, logged in with the only browser that her account knows."""
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    assert notices(app) == []  # her first login is no news
    return alice


@pytest.mark.requirement(82)
def test_a_login_with_a_new_browser_is_told_with_its_time_device_and_ip_address(app: Flask, alice: Member) -> None:
    assert browser(app).log_in().status_code == 302
    [email] = notices(app)
    assert email.recipients == ["alice@example.com"]
    text = " ".join(email.body.split())
    assert re.search(r"on \d+ \w+ \d{4} at \d\d:\d\d UTC", text)
    assert re.search(r": Firefox on Windows, [^,.]*203\.0\.113\.7\.", text)
    assert run_sql(app, "SELECT detail FROM audit_events ORDER BY id DESC LIMIT 1") == [
        ("new device: Firefox on Windows",)
    ]


@pytest.mark.requirement(82)
def test_a_browser_is_told_of_once_and_stays_known_after_a_logout(app: Flask, alice: Member) -> None:
    phone = browser(app)
    for known in (alice, alice, phone, phone):
        known.log_out()
        assert known.log_in().status_code == 302
        known.log_out()
    assert len(notices(app)) == 1


@pytest.mark.requirement(82)
def test_a_browser_is_known_to_each_account_by_itself(app: Flask, alice: Member) -> None:
    bob = Member(app, "bob")
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    for email in ("bob@example.com", "alice@example.com", "bob@example.com", "alice@example.com"):
        alice.log_in(email)
    assert [email.recipients for email in notices(app)] == [["bob@example.com"]]
    stolen = browser(app)
    stolen.client.set_cookie("devices", bob.client.get_cookie("devices").value)
    stolen.log_in()
    assert [email.recipients for email in notices(app)] == [["alice@example.com"]]


@pytest.mark.requirement(82)
@pytest.mark.parametrize("cookie", ["", "x", "." * 500, "1-" + "0" * 64, "5f000000-" + "a" * 64, "ü"])
def test_a_cookie_that_was_not_made_here_makes_no_browser_known(app: Flask, alice: Member, cookie: str) -> None:
    thief = browser(app)
    thief.client.set_cookie("devices", cookie)
    assert thief.log_in().status_code == 302
    assert len(notices(app)) == 1


def test_a_browser_of_many_accounts_knows_the_last_ten(app: Flask, alice: Member) -> None:
    for number in range(10):
        name = f"user{number}"
        Member(app, name)
        alice.log_in(f"{name}@example.com")
    cookie = alice.client.get_cookie("devices").value
    assert (len(cookie.split(".")), len(cookie) < 1000) == (10, True)
    alice.log_in()
    assert [email.recipients for email in notices(app)] == [["alice@example.com"]]


@pytest.mark.requirement(82)
def test_ending_all_sessions_forgets_the_browsers_and_ending_others_does_not(app: Flask, alice: Member) -> None:
    alice.client.post("/accounts/me/sessions/end_others/", data={"csrf_token": alice.token()})
    alice.log_in()
    assert notices(app) == []
    with app.app_context():
        log_out_devices(alice.id)
    for _ in range(2):
        alice.log_in()
    assert len(notices(app)) == 1


@pytest.mark.requirement(82)
def test_a_new_password_forgets_all_browsers_but_the_one_that_chose_it(app: Flask, alice: Member) -> None:
    thief, new = browser(app), "brass kettle forty"
    thief.log_in()
    assert len(notices(app)) == 1
    run_sql(app, f"UPDATE audit_events SET at = {AGO.format('61 seconds')}")
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    alice.send("/accounts/password_change/", **fields)
    for known in (alice, thief):
        known.log_out()
        known.log_in(password=new)
        assert known.is_logged_in()
    assert ["Firefox on Windows" in " ".join(email.body.split()) for email in notices(app)] == [True]


@pytest.mark.requirement(82)
def test_a_double_click_is_one_browser_and_another_browser_is_not(app: Flask, alice: Member) -> None:
    for user_agent in (WINDOWS, WINDOWS, "curl/8"):
        browser(app, user_agent).log_in()
    texts = [" ".join(email.body.split()) for email in notices(app)]
    assert sorted(re.search(r": ([^:]+), [^,.]*203\.", text)[1] for text in texts) == ["Firefox on Windows", "curl"]
    run_sql(app, f"UPDATE audit_events SET at = {AGO.format('61 seconds')}")
    browser(app).log_in()
    assert len(notices(app)) == 1


def test_an_email_that_is_not_confirmed_is_not_told(app: Flask, alice: Member) -> None:
    run_sql(app, "UPDATE users SET email_confirmed_at = NULL")
    browser(app).log_in()
    assert notices(app) == []
    assert run_sql(app, "SELECT count(*) FROM outbox WHERE task = 'send_new_device_notice'") == [(0,)]


@pytest.mark.requirement(82)
def test_with_a_second_factor_the_login_is_told_after_the_code(app: Flask) -> None:
    person = Person(app)
    phone = browser(app)
    phone.log_in(person.email)
    assert notices(app) == []
    assert not phone.client.get_cookie("devices")
    phone.send(CODE, code=person.app.code())
    assert len(notices(app)) == 1


@pytest.mark.requirement(82)
def test_the_cookie_lives_long_and_no_script_or_other_site_gets_it(secure_app: Flask) -> None:
    client = secure_app.test_client()
    with secure_app.app_context():
        create_user("alice", "alice@example.com", password_hash=hasher().hash(PASSWORD))
        db.session.remove()
    token = csrf_token(client.get(LOG_IN, base_url=SITE).text)
    fields = {"csrf_token": token, "username": "alice@example.com", "password": PASSWORD}
    answer = client.post(LOG_IN, base_url=SITE, headers={"Referer": f"{SITE}{LOG_IN}"}, data=fields)
    [cookie] = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith("__Host-devices=")]
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=31536000"} < {*cookie.split("; ")}
    assert "domain" not in cookie.lower()


def test_a_login_with_a_new_browser_costs_two_more_statements_and_with_a_known_one_none(
    app: Flask, alice: Member
) -> None:
    counts = []
    for known in (alice, alice, browser(app)):  # after the first, the process knows which hashes come from Django
        known.log_out()
        with statements(app) as sent:
            known.log_in()
        counts.append(sent)
    assert len(counts[2]) - len(counts[1]) == 2
    assert all(part in "".join(counts[2]) for part in ("FROM outbox", "INSERT INTO outbox"))
