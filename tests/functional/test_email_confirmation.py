"""Confirming an address: what a link in an email does, for whom, how often and for how long."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from flaskcelery.database import db
from flaskcelery.users.tokens import LINK_DAYS
from tests.conftest import PASSWORD, Browser, MakeApp, close, events, link_in, run_sql, send_emails
from tests.pages import DEAD, csrf_token

OLD, NEW = "alice@example.com", "new@example.com"
AGO = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{}')"


@pytest.mark.defect("D17")
def test_the_welcome_email_brings_a_link_that_confirms(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    [welcome] = send_emails(app)
    assert "alice" in welcome.subject
    assert link_in(welcome) in welcome.html
    visitor = Browser(app.test_client())
    assert OLD in visitor.client.get(link_in(welcome)).text
    assert run_sql(app, "SELECT email_confirmed_at FROM users") == [(None,)]  # an email scanner has confirmed nothing
    visitor.send(link_in(welcome), password=PASSWORD)
    assert run_sql(app, "SELECT email_confirmed_at FROM users") != [(None,)]
    assert "your email is confirmed" in visitor.client.get("/accounts/login/").text
    assert events(app)[-1] == "email confirmed"


def test_a_second_attempt_at_the_welcome_has_the_same_link(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    [first] = send_emails(app)
    run_sql(app, "UPDATE outbox SET done_at = NULL, due_at = created_at")
    [second] = send_emails(app)
    assert link_in(first) == link_in(second)


def test_no_token_is_in_the_database_or_the_log(
    app: Flask, logged_in: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    token = link_in(send_emails(app)[0]).split("/")[-2]
    with app.app_context():
        dump = "".join(db.session.connection().connection.driver_connection.iterdump())
        db.session.remove()
    assert token not in dump + caplog.text


def test_a_link_works_once(app: Flask, logged_in: Browser) -> None:
    link = link_in(send_emails(app)[0])
    token = csrf_token(logged_in.client.get(link).text)
    answers = [logged_in.client.post(link, data={"csrf_token": token}) for _ in range(2)]
    assert [(answer.status_code, DEAD in answer.text) for answer in answers] == [(302, False), (200, True)]
    assert DEAD in logged_in.client.get(link).text
    assert events(app).count("email confirmed") == 1


def test_a_link_dies_after_seven_days(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    run_sql(app, f"UPDATE users SET joined_at = {AGO.format('6 days')}")
    [message] = send_emails(app)
    assert f" {LINK_DAYS} days" in message.body
    assert f" {LINK_DAYS} days" in message.html
    assert DEAD not in auth.client.get(link_in(message)).text
    run_sql(app, f"UPDATE users SET joined_at = {AGO.format('8 days')}")
    run_sql(app, "UPDATE outbox SET done_at = NULL, due_at = created_at")
    [message] = send_emails(app)
    assert DEAD in auth.client.get(link_in(message)).text


@pytest.mark.parametrize(
    ("pattern", "by"),
    [
        ("/1/", "/2/"),
        ("confirm", "undo"),
        ("confirm", "change"),
        (r"\w{4}/$", "0000/"),
        ("/1/", "/99/"),
        (r"\w+-\w+/$", "é/"),
    ],
)
def test_a_link_for_one_thing_is_none_for_another(app: Flask, auth: Browser, pattern: str, by: str) -> None:
    auth.sign_up()
    auth.sign_up(username="bob", email="bob@example.com")
    link = link_in(send_emails(app)[0])
    forged = re.sub(pattern, by, link)
    assert forged != link
    assert DEAD in auth.client.get(forged).text
    token = csrf_token(auth.client.get(link).text)
    assert DEAD in auth.client.post(forged, data={"csrf_token": token}).text
    assert "email confirmed" not in events(app)


def test_the_page_after_a_resend_offers_to_try_again(auth: Browser) -> None:
    answer = auth.send("/accounts/email/resend/", email="nobody@example.com")
    assert answer.location == "/accounts/email/resend/done/"
    assert 'href="/accounts/email/resend/"' in auth.client.get(answer.location).text


@pytest.mark.parametrize("user_id", ["9223372036854775808", "9" * 40, "-1", "x"])
def test_an_id_that_no_database_takes_is_no_page(auth: Browser, user_id: str) -> None:
    assert auth.client.get(f"/accounts/email/confirm/{user_id}/x/").status_code == 404


def test_the_banner_asks_for_a_confirmation_and_sends_a_fresh_link(app: Flask, logged_in: Browser) -> None:
    send_emails(app)
    page = logged_in.client.get("/").text
    assert '<aside class="notice"' in page
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page))
    answer = logged_in.client.post("/accounts/email/resend/", data=fields)
    assert answer.location == "/"
    [message] = send_emails(app)
    assert message.task == "send_confirmation_email"
    logged_in.send(link_in(message))
    assert '<aside class="notice"' not in logged_in.client.get("/").text


def test_asking_for_a_link_looks_the_same_and_writes_as_much_for_every_address(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    auth.sign_up(username="bob", email="bob@example.com")
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at WHERE username = 'bob'")
    run_sql(app, "DELETE FROM outbox")
    pages, rows = set(), []
    for email in (OLD, "bob@example.com", "nobody@example.com"):
        count = "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM audit_events)"
        [before] = run_sql(app, count)
        visitor = Browser(app.test_client())
        answer = visitor.send("/accounts/email/resend/", email=email)
        page = visitor.client.get(answer.location).text
        pages.add((answer.status_code, re.sub(r'value="[^"]*"', "", page)))
        [after] = run_sql(app, count)
        rows.append((after[0] - before[0], after[1] - before[1]))
    assert (len(pages), rows) == (1, [(1, 1)] * 3)
    named = run_sql(app, "SELECT count(user_id), min(user_id) FROM outbox")
    assert named == [(1, 1)]  # nobody's list of emails shows one that was not sent
    assert [message.recipients for message in send_emails(app)] == [[OLD]]


def test_a_link_that_has_become_useless_is_not_mailed(app: Flask, logged_in: Browser) -> None:
    welcome = send_emails(app)[0]
    logged_in.send("/accounts/email/resend/", email=OLD)
    logged_in.send(link_in(welcome))
    assert send_emails(app) == []


def test_a_fresh_link_is_for_addresses_only(auth: Browser) -> None:
    assert "Enter a valid email address." in auth.send("/accounts/email/resend/", email="nonsense").text


def test_where_it_is_required_nobody_logs_in_unconfirmed(make_app: MakeApp) -> None:
    app = make_app(EMAIL_CONFIRMATION_REQUIRED="1")
    auth = Browser(app.test_client())
    auth.sign_up()
    page = auth.log_in().text
    assert "Please confirm your email first" in page
    assert "/accounts/email/resend/" in page
    assert not auth.is_logged_in()
    wrong = auth.log_in(password="wrong password").text
    assert "Please enter a correct email and password." in wrong
    assert "confirm" not in wrong
    auth.send(link_in(send_emails(app)[0]), password=PASSWORD)
    auth.log_in()
    assert auth.is_logged_in()
    close(app)
