"""Who keeps an account when a password or a mailbox is stolen. docs/security.md has the rules as a table."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Browser, events, link_in, run_sql, send_emails
from tests.functional.conftest import pass_ten_minutes

OLD, NEW, THIEFS = "alice@example.com", "new@example.com", "thief@example.com"
CHOSEN = "staple seventeen"
AGO = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{}')"


@pytest.fixture
def alice(app: Flask, logged_in: Browser) -> Browser:
    """Return the browser of alice, logged in, her address confirmed."""
    logged_in.send(link_in(send_emails(app)[0]))
    return logged_in


def change(app: Flask, browser: Browser, email: str, **fields: str) -> dict[str, str]:
    """Change the address to `email`; return what each address is told about it."""
    answer = browser.send("/accounts/me/email/", email=email, password=PASSWORD, **fields)
    assert answer.status_code == 302, answer.text
    link = next(link_in(message) for message in send_emails(app) if message.recipients == [email])
    assert browser.send(link).status_code == 302
    return {message.recipients[0]: message.body for message in send_emails(app)}


def undo_link(text: str) -> str:
    """Return the path of the link that undoes a change."""
    return next(line for line in text.splitlines() if "/undo/" in line).removeprefix("http://127.0.0.1:8000")


def emails_of(app: Flask) -> list[str]:
    """Return the address of each account."""
    return [email for (email,) in run_sql(app, "SELECT email FROM users ORDER BY id")]


@pytest.mark.requirement(62)
def test_who_follows_a_strangers_change_link_gives_them_no_mailbox(app: Flask, alice: Browser) -> None:
    """Chain A: the attacker asks for the victim's address, the victim clicks, and the attacker undoes later."""
    alice.send("/accounts/me/email/", email="victim@example.com", password=PASSWORD)
    link = next(link_in(message) for message in send_emails(app) if message.recipients == ["victim@example.com"])
    visitor, member = Browser(app.test_client()), Browser(app.test_client())
    member.sign_up("victor", "victor@example.com")
    member.log_in("victor@example.com")
    for victim in (visitor, member):
        for fields in ({}, {"password": ""}, {"password": "my own password"}):
            assert victim.send(link, **fields).status_code == 200
    assert emails_of(app) == [OLD, "victor@example.com"]
    assert events(app).count("wrong current password") == 2


@pytest.mark.requirement(62)
def test_a_mailbox_that_is_said_to_be_lost_undoes_nothing_without_the_password(app: Flask, alice: Browser) -> None:
    """Chain B: alice leaves a mailbox that a thief reads, and the thief follows the undo link."""
    told = change(app, alice, NEW, is_mailbox_lost="y")
    thief = Browser(app.test_client())
    assert 'name="password"' in thief.client.get(undo_link(told[OLD])).text
    for fields in ({}, {"password": "a guess"}):
        assert thief.send(undo_link(told[OLD]), **fields).status_code == 200
    assert emails_of(app) == [NEW]
    assert alice.is_logged_in()


@pytest.mark.requirement(62)
def test_a_thief_of_the_password_gains_nothing_by_calling_the_mailbox_lost(app: Flask, alice: Browser) -> None:
    thief = Browser(app.test_client())
    thief.log_in()
    told = change(app, thief, THIEFS, is_mailbox_lost="y")
    both = {"new_password1": CHOSEN, "new_password2": CHOSEN}
    assert thief.send("/accounts/password_change/", old_password=PASSWORD, **both).status_code == 302
    owner = Browser(app.test_client())
    assert owner.send(undo_link(told[OLD]), password=CHOSEN).status_code == 200
    assert owner.send(undo_link(told[OLD]), password=PASSWORD).status_code == 302
    assert emails_of(app) == [OLD]
    assert not thief.is_logged_in()


@pytest.mark.requirement(62)
def test_a_mailbox_is_lost_only_with_a_password_of_seven_days(app: Flask, alice: Browser) -> None:
    both = {"new_password1": CHOSEN, "new_password2": CHOSEN}
    alice.send("/accounts/password_change/", old_password=PASSWORD, **both)
    fields = {"email": NEW, "password": CHOSEN, "is_mailbox_lost": "y"}
    assert "less than 7 days old" in alice.send("/accounts/me/email/", **fields).text
    run_sql(app, f"UPDATE users SET password_changed_at = {AGO.format('8 days')}")
    assert alice.send("/accounts/me/email/", **fields).status_code == 302


@pytest.mark.requirement(62)
def test_an_undo_leaves_a_thief_with_nothing(app: Flask, alice: Browser) -> None:
    """Chain C: after the undo the thief logs in with the old password and deletes the account."""
    thief = Browser(app.test_client())
    thief.log_in()
    told = change(app, thief, THIEFS)
    assert Browser(app.test_client()).send(undo_link(told[OLD])).status_code == 302
    assert not thief.is_logged_in()
    assert "Please enter a correct email and password." in thief.log_in(OLD).text
    told = {message.recipients[0]: message for message in send_emails(app) if "reset" in message.task}
    assert list(told) == [OLD]
    owner = Browser(app.test_client())
    form = owner.client.get(link_in(told[OLD])).location
    assert owner.send(form, new_password1=CHOSEN, new_password2=CHOSEN).status_code == 302
    assert owner.log_in(password=CHOSEN).status_code == 302
    assert owner.send("/accounts/me/delete/", password=CHOSEN).status_code == 302  # the window is over


@pytest.mark.requirement(62)
def test_nobody_deletes_an_account_whose_old_mailbox_can_undo(app: Flask, alice: Browser) -> None:
    told = change(app, alice, THIEFS)
    assert "can still undo that" in alice.send("/accounts/me/delete/", password=PASSWORD).text
    assert Browser(app.test_client()).send(undo_link(told[OLD])).status_code == 302
    run_sql(app, f"UPDATE users SET email_changed_at = {AGO.format('8 days')}, previous_email = 'x@example.com'")
    reset_by_hand = "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE username = 'bob')"
    Browser(app.test_client()).sign_up("bob", "bob@example.com")
    run_sql(app, f"{reset_by_hand} WHERE id = 1")
    alice.log_in()
    assert alice.send("/accounts/me/delete/", password=PASSWORD).status_code == 302


@pytest.mark.requirement(62)
def test_nor_does_who_asks_for_that_in_the_moment_of_the_change(
    app: Flask, alice: Browser, change_meanwhile: Callable[[str], None]
) -> None:
    pass_ten_minutes(app)
    change_meanwhile("UPDATE users SET email_changed_at = joined_at, previous_email = 'x@example.com'")
    assert alice.send("/accounts/me/delete/", password=PASSWORD).status_code == 200
    assert run_sql(app, "SELECT closed_at FROM users") == [(None,)]


@pytest.mark.requirement(62)
def test_every_address_hears_of_a_change_and_of_its_undo(app: Flask, alice: Browser) -> None:
    first = change(app, alice, NEW)
    assert set(first) == {OLD, NEW}
    second = change(app, alice, "third@example.com")
    assert set(second) == {OLD, NEW, "third@example.com"}
    assert "/undo/" in second[OLD]
    assert "/undo/" not in second[NEW] + second["third@example.com"]
    assert all(re.search(r"on \d\d? \w+ \d{4} at \d\d:\d\d UTC", " ".join(text.split())) for text in second.values())
    Browser(app.test_client()).send(undo_link(second[OLD]))
    told = [(message.recipients[0], message.task) for message in send_emails(app)]
    assert sorted(told) == [
        (OLD, "send_password_reset_email"),
        (OLD, "send_undone_notice"),
        ("third@example.com", "send_left_email_notice"),
    ]


def test_after_an_undo_the_email_with_the_link_has_other_words_than_one_that_was_asked_for(
    app: Flask, alice: Browser
) -> None:
    def words() -> set[str]:
        [reset] = [message.body for message in send_emails(app) if message.task == "send_password_reset_email"]
        return {line for line in reset.splitlines() if len(line) > 60 and "http" not in line}

    alice.send("/accounts/password_reset/", email=OLD)
    asked_for = words()
    Browser(app.test_client()).send(undo_link(change(app, alice, NEW)[OLD]))
    assert asked_for
    assert not words() & asked_for


def test_the_page_for_deletion_says_beforehand_that_a_new_email_bars_it(app: Flask, alice: Browser) -> None:
    assert 'action="/accounts/me/delete/"' in alice.client.get("/accounts/me/delete/").text
    change(app, alice, NEW)
    page = alice.client.get("/accounts/me/delete/").text
    assert "less than 7 days ago" in page
    assert 'action="/accounts/me/delete/"' not in page


@pytest.mark.requirement(62)
def test_the_link_for_the_undo_is_tried_as_long_as_it_works(app: Flask, alice: Browser) -> None:
    alice.send("/accounts/me/email/", email=NEW, password=PASSWORD)
    alice.send(next(link_in(message) for message in send_emails(app) if message.recipients == [NEW]))
    task = "task = 'send_email_changed_notice'"
    [(days,)] = run_sql(app, f"SELECT julianday(expires_at) - julianday(created_at) FROM outbox WHERE {task}")
    assert round(days, 3) == 7


@pytest.mark.requirement(62)
def test_going_back_to_the_old_mailbox_is_final(app: Flask, alice: Browser) -> None:
    """Otherwise the mailbox of a thief, who was in between, could undo the owner's way back."""
    change(app, alice, THIEFS)
    told = change(app, alice, OLD)
    assert "/undo/" not in "".join(told.values())
    assert run_sql(app, "SELECT previous_email FROM users") == [(None,)]
