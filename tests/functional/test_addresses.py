"""Links in mails: what each one does, for whom, how often and for how long."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from flaskcelery.app import create_app
from flaskcelery.database import db
from tests.conftest import PASSWORD, Browser, link_in, send_mails

DEAD = "This link does not work"
OLD, NEW = "alice@example.com", "new@example.com"
AGO = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{}')"


def run_sql(app: Flask, statement: str) -> list[Any]:
    """Run one statement on the database, as an operator would."""
    with app.app_context(), db.engine.begin() as connection:
        result = connection.execute(text(statement))
        return list(result.all()) if result.returns_rows else []


def events(app: Flask) -> list[str]:
    """Return what the audit trail holds."""
    return [event for (event,) in run_sql(app, "SELECT event FROM audit_events ORDER BY id")]


@pytest.fixture
def inside(app: Flask, auth: Browser) -> Browser:
    """Return the browser of alice, logged in; she has not confirmed her address."""
    auth.sign_up()
    auth.log_in()
    return auth


@pytest.fixture
def confirmed(app: Flask, inside: Browser) -> Browser:
    """Return the browser of alice, logged in, after she has confirmed her address."""
    inside.send(link_in(send_mails(app)[0]))
    return inside


def ask_change(browser: Browser, email: str = NEW, password: str = PASSWORD) -> str:
    """Ask for another address; return the page that follows."""
    answer = browser.send("/accounts/me/email/", email=email, password=password)
    return browser.client.get(answer.location).text if answer.location else answer.text


def change_address(app: Flask, browser: Browser, email: str = NEW) -> str:
    """Change the address; return the link that undoes it, or nothing when there is none."""
    ask_change(browser, email)
    link = next(link_in(mail) for mail in send_mails(app) if mail.recipients == [email])
    answer = browser.send(link)
    assert answer.status_code == 302
    return next((link_in(mail) for mail in send_mails(app)), "")


def test_the_welcome_mail_keeps_the_origins_words_and_brings_a_link_that_confirms(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    [welcome] = send_mails(app)
    assert welcome.subject == "Welcome alice!"
    start = (
        "Hi alice,\n\nThank you for signing up for our site!\nThis email was sent by a celery worker with process ID "
    )
    assert welcome.body.startswith(start)
    assert link_in(welcome) in welcome.html
    visitor = Browser(app.test_client())
    assert OLD in visitor.client.get(link_in(welcome)).text
    assert run_sql(app, "SELECT email_confirmed_at FROM users") == [(None,)]  # a mail scanner has confirmed nothing
    visitor.send(link_in(welcome))
    assert run_sql(app, "SELECT email_confirmed_at FROM users") != [(None,)]
    assert "your address is confirmed" in visitor.client.get("/accounts/login/").text
    assert events(app)[-1] == "e-mail confirmed"


def test_a_second_attempt_at_the_welcome_has_the_same_link(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    [first] = send_mails(app)
    run_sql(app, "UPDATE outbox SET done_at = NULL, due_at = created_at")
    [second] = send_mails(app)
    assert link_in(first) == link_in(second)


def test_no_token_is_in_the_database_or_the_log(app: Flask, inside: Browser, caplog: pytest.LogCaptureFixture) -> None:
    token = link_in(send_mails(app)[0]).split("/")[-2]
    with app.app_context():
        dump = "".join(db.session.connection().connection.driver_connection.iterdump())
        db.session.remove()
    assert token not in dump + caplog.text


def test_a_link_works_once(app: Flask, inside: Browser) -> None:
    link = link_in(send_mails(app)[0])
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', inside.client.get(link).text)[1]
    answers = [inside.client.post(link, data={"csrf_token": token}) for _ in range(2)]
    assert [(answer.status_code, DEAD in answer.text) for answer in answers] == [(302, False), (200, True)]
    assert DEAD in inside.client.get(link).text
    assert events(app).count("e-mail confirmed") == 1


def test_a_link_dies_after_seven_days(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    run_sql(app, f"UPDATE users SET joined_at = {AGO.format('6 days')}")
    [mail] = send_mails(app)
    assert DEAD not in auth.client.get(link_in(mail)).text
    run_sql(app, f"UPDATE users SET joined_at = {AGO.format('8 days')}")
    run_sql(app, "UPDATE outbox SET done_at = NULL, due_at = created_at")
    [mail] = send_mails(app)
    assert DEAD in auth.client.get(link_in(mail)).text


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
    link = link_in(send_mails(app)[0])
    forged = re.sub(pattern, by, link)
    assert forged != link
    assert DEAD in auth.client.get(forged).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', auth.client.get(link).text)[1]
    assert DEAD in auth.client.post(forged, data={"csrf_token": token}).text
    assert "e-mail confirmed" not in events(app)


@pytest.mark.parametrize("user_id", ["9223372036854775808", "9" * 40, "-1", "x"])
def test_an_id_that_no_database_takes_is_no_page(auth: Browser, user_id: str) -> None:
    assert auth.client.get(f"/accounts/email/confirm/{user_id}/x/").status_code == 404


def test_the_banner_asks_for_a_confirmation_and_sends_a_fresh_link(app: Flask, inside: Browser) -> None:
    send_mails(app)
    page = inside.client.get("/").text
    assert "Please confirm your address" in page
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page))
    answer = inside.client.post("/accounts/email/resend/", data=fields)
    assert answer.location == "/"
    [mail] = send_mails(app)
    assert mail.subject == "Please confirm your address"
    inside.send(link_in(mail))
    assert "Please confirm your address" not in inside.client.get("/").text


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
    assert named == [(1, 1)]  # nobody's list of mails shows one that was not sent
    assert [mail.recipients for mail in send_mails(app)] == [[OLD]]


def test_a_link_that_has_become_useless_is_not_mailed(app: Flask, inside: Browser) -> None:
    welcome = send_mails(app)[0]
    inside.send("/accounts/email/resend/", email=OLD)
    inside.send(link_in(welcome))
    assert send_mails(app) == []


def test_a_fresh_link_is_for_addresses_only(auth: Browser) -> None:
    assert "Enter a valid email address." in auth.send("/accounts/email/resend/", email="nonsense").text


def test_where_it_is_required_nobody_logs_in_unconfirmed(environ: dict[str, str]) -> None:
    app = create_app({**environ, "EMAIL_CONFIRMATION_REQUIRED": "1"})
    auth = Browser(app.test_client())
    auth.sign_up()
    page = auth.log_in().text
    assert "Please confirm your address first" in page
    assert "/accounts/email/resend/" in page
    assert not auth.is_logged_in()
    wrong = auth.log_in(password="wrong password").text
    assert "Please enter a correct email and password." in wrong
    assert "confirm" not in wrong
    auth.send(link_in(send_mails(app)[0]))
    auth.log_in()
    assert auth.is_logged_in()
    with app.app_context():
        db.engine.dispose()


def test_an_address_changes_when_its_new_mailbox_agrees(app: Flask, confirmed: Browser) -> None:
    assert "look into your new mailbox" in ask_change(confirmed)
    mails = {mail.recipients[0]: mail for mail in send_mails(app)}
    assert mails[OLD].subject == "A new address for your account at flaskcelery"
    assert NEW not in mails[OLD].body
    link = link_in(mails[NEW])
    assert f"{NEW} waits to be confirmed" in confirmed.client.get("/accounts/me/").text
    visitor = Browser(app.test_client())
    visitor.client.get(link)
    assert run_sql(app, "SELECT email FROM users") == [(OLD,)]
    assert visitor.send(link).status_code == 302
    assert run_sql(app, "SELECT email, email_key, pending_email, previous_email FROM users") == [(NEW, NEW, None, OLD)]
    assert not visitor.is_logged_in()  # the link logs nobody in
    visitor.log_in(email=OLD)
    assert not visitor.is_logged_in()
    visitor.log_in(email=NEW)
    assert visitor.is_logged_in()
    assert DEAD in visitor.client.get(link).text


def test_a_changed_address_logs_the_other_browsers_out(app: Flask, confirmed: Browser) -> None:
    other = Browser(app.test_client())
    other.log_in()
    change_address(app, confirmed)
    assert (confirmed.is_logged_in(), other.is_logged_in()) == (True, False)


def test_the_old_mailbox_takes_its_address_back_and_logs_everybody_out(app: Flask, confirmed: Browser) -> None:
    undo = change_address(app, confirmed)
    owner = Browser(app.test_client())
    owner.client.get(undo)
    assert run_sql(app, "SELECT email FROM users") == [(NEW,)]
    owner.send(undo)
    assert run_sql(app, "SELECT email, email_key, previous_email FROM users") == [(OLD, OLD, None)]
    assert not confirmed.is_logged_in()
    assert "reset your password" in owner.client.get("/accounts/login/").text
    assert DEAD in owner.client.get(undo).text
    assert events(app)[-2:] == ["e-mail changed", "e-mail change undone"]


def test_who_changes_the_address_twice_is_not_rid_of_its_owner(app: Flask, confirmed: Browser) -> None:
    first = change_address(app, confirmed)
    second = change_address(app, confirmed, "third@example.com")
    assert DEAD in confirmed.client.get(first).text
    Browser(app.test_client()).send(second)
    assert run_sql(app, "SELECT email FROM users") == [(OLD,)]


def test_the_right_to_undo_ends_after_seven_days(app: Flask, confirmed: Browser) -> None:
    change_address(app, confirmed)
    run_sql(app, f"UPDATE users SET email_changed_at = {AGO.format('8 days')}")
    run_sql(app, "UPDATE outbox SET done_at = NULL, due_at = created_at WHERE task = 'send_email_changed_notice'")
    [notice] = send_mails(app)
    assert DEAD in confirmed.client.get(link_in(notice)).text


def test_an_address_that_was_never_confirmed_may_undo_nothing(app: Flask, inside: Browser) -> None:
    send_mails(app)
    assert change_address(app, inside) == ""
    assert run_sql(app, "SELECT email, previous_email FROM users") == [(NEW, None)]


def test_an_address_that_somebody_took_meanwhile_stays_with_them(app: Flask, confirmed: Browser) -> None:
    ask_change(confirmed)
    link = next(link_in(mail) for mail in send_mails(app) if mail.recipients == [NEW])
    visitor = Browser(app.test_client())
    visitor.sign_up(username="bob", email="NEW@example.com")
    answer = confirmed.send(link)
    assert (answer.status_code, "Another account has this address by now." in answer.text) == (200, True)
    assert run_sql(app, "SELECT email FROM users ORDER BY id") == [(OLD,), ("NEW@example.com",)]


@pytest.mark.parametrize("statement", ["password_hash = 'x'", "is_active = 0", "pending_email = 'other@example.com'"])
def test_a_link_dies_with_the_state_it_was_made_for(app: Flask, confirmed: Browser, statement: str) -> None:
    ask_change(confirmed)
    link = next(link_in(mail) for mail in send_mails(app) if mail.recipients == [NEW])
    run_sql(app, f"UPDATE users SET {statement}")
    assert DEAD in confirmed.client.get(link).text


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        (NEW, "wrong password", "Your password was entered incorrectly."),
        (NEW, "x" * 2000, "Your password was entered incorrectly."),
        ("BOB@example.com", PASSWORD, "User with this Email already exists."),
        ("Alice@Example.com", PASSWORD, "This is your address already."),
        ("nonsense", PASSWORD, "Enter a valid email address."),
        (NEW, "", "This field is required."),
    ],
)
def test_a_change_that_is_refused_owes_nothing(
    app: Flask, confirmed: Browser, email: str, password: str, sentence: str
) -> None:
    Browser(app.test_client()).sign_up(username="bob", email="bob@example.com")
    send_mails(app)
    assert sentence in ask_change(confirmed, email, password)
    assert (send_mails(app), run_sql(app, "SELECT pending_email FROM users")) == ([], [(None,), (None,)])
    assert ("wrong current password" in events(app)) == sentence.startswith("Your password")
