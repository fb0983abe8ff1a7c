"""Changing an address: the new mailbox agrees, the old one may take it back."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Browser, events, link_in, run_sql, send_emails
from tests.functional.conftest import pass_ten_minutes
from tests.pages import DEAD

OLD, NEW = "alice@example.com", "new@example.com"
AGO = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{}')"


@pytest.fixture
def confirmed(app: Flask, logged_in: Browser) -> Browser:
    """Return the browser of alice, logged in, after she has confirmed her address."""
    logged_in.send(link_in(send_emails(app)[0]))
    return logged_in


def ask_change(browser: Browser, email: str = NEW, password: str = PASSWORD) -> str:
    """Ask for another address; return the page that follows."""
    answer = browser.send("/accounts/me/email/", email=email, password=password)
    return browser.client.get(answer.location).text if answer.location else answer.text


def change_address(app: Flask, browser: Browser, email: str = NEW) -> str:
    """Change the address; return the link that undoes it, or nothing when there is none."""
    ask_change(browser, email)
    link = next(link_in(message) for message in send_emails(app) if message.recipients == [email])
    answer = browser.send(link)
    assert answer.status_code == 302
    return next((link_in(message) for message in send_emails(app) if "undo" in message.body), "")


def test_an_address_changes_when_its_new_mailbox_agrees(app: Flask, confirmed: Browser) -> None:
    assert "sent a link to your new email" in ask_change(confirmed)
    emails = {message.recipients[0]: message for message in send_emails(app)}
    assert emails[OLD].task == "send_email_change_notice"
    assert NEW not in emails[OLD].body
    link = link_in(emails[NEW])
    assert f"<bdi>{NEW}</bdi>" in confirmed.client.get("/accounts/me/").text
    visitor = Browser(app.test_client())
    visitor.client.get(link)
    assert run_sql(app, "SELECT email FROM users") == [(OLD,)]
    assert "Enter your password." in visitor.send(link).text
    assert visitor.send(link, password=PASSWORD).status_code == 302
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
    assert "a link to choose a new one" in owner.client.get("/accounts/login/").text
    assert DEAD in owner.client.get(undo).text
    assert events(app)[-2:] == ["email changed", "email change undone"]


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
    [notice] = send_emails(app)
    assert DEAD in confirmed.client.get(link_in(notice)).text


def test_an_address_that_was_never_confirmed_may_undo_nothing(app: Flask, logged_in: Browser) -> None:
    send_emails(app)
    assert change_address(app, logged_in) == ""
    assert run_sql(app, "SELECT email, previous_email FROM users") == [(NEW, None)]


def test_an_address_that_somebody_took_meanwhile_stays_with_them(app: Flask, confirmed: Browser) -> None:
    ask_change(confirmed)
    link = next(link_in(message) for message in send_emails(app) if message.recipients == [NEW])
    visitor = Browser(app.test_client())
    visitor.sign_up(username="bob", email="NEW@example.com")
    answer = confirmed.send(link)
    assert (answer.status_code, "Another account has this email now." in answer.text) == (200, True)
    assert run_sql(app, "SELECT email FROM users ORDER BY id") == [(OLD,), ("NEW@example.com",)]


@pytest.mark.parametrize("statement", ["password_hash = 'x'", "is_active = 0", "pending_email = 'other@example.com'"])
def test_a_link_dies_with_the_state_it_was_made_for(app: Flask, confirmed: Browser, statement: str) -> None:
    ask_change(confirmed)
    link = next(link_in(message) for message in send_emails(app) if message.recipients == [NEW])
    run_sql(app, f"UPDATE users SET {statement}")
    assert DEAD in confirmed.client.get(link).text


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        (NEW, "wrong password", "Your password was entered incorrectly."),
        (NEW, "x" * 2000, "Your password was entered incorrectly."),
        ("Alice@Example.com", PASSWORD, "This is your email already."),
        ("nonsense", PASSWORD, "Enter a valid email address."),
        (NEW, "", "Enter your password."),
    ],
)
def test_a_change_that_is_refused_owes_nothing(
    app: Flask, confirmed: Browser, email: str, password: str, sentence: str
) -> None:
    Browser(app.test_client()).sign_up(username="bob", email="bob@example.com")
    send_emails(app)
    pass_ten_minutes(app)
    assert sentence in ask_change(confirmed, email, password)
    assert (send_emails(app), run_sql(app, "SELECT pending_email FROM users")) == ([], [(None,), (None,)])
    assert ("wrong current password" in events(app)) == sentence.startswith("Your password")


@pytest.mark.requirement(37)
@pytest.mark.parametrize("has_account", [False, True])
def test_of_several_requests_whose_emails_wait_only_the_last_one_is_sent(
    app: Flask, confirmed: Browser, has_account: bool
) -> None:
    """Each would go to the last address, although only one is counted for it."""
    if has_account:
        Browser(app.test_client()).sign_up(username="bob", email=NEW)
        send_emails(app)
    for email in ("first@example.com", "second@example.com", NEW):
        ask_change(confirmed, email)
    sent = [message for message in send_emails(app) if message.task == "send_email_change_email"]
    assert [message.recipients for message in sent] == [[NEW]]
