"""Whoever signs up with the email that an account has left does not block the undo of the change."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Browser, events, link_in, run_sql, send_emails

OLD, THIEFS = "alice@example.com", "thief@example.com"
EMAILS = "SELECT email FROM users ORDER BY id"


@pytest.fixture
def squatter(app: Flask, logged_in: Browser) -> tuple[Browser, str]:
    """Return a thief who has changed alice's address and signed up with the old one, and the path of the undo link."""
    logged_in.send(link_in(send_emails(app)[0]))
    logged_in.send("/accounts/me/email/", email=THIEFS, password=PASSWORD)
    logged_in.send(next(link_in(message) for message in send_emails(app) if message.recipients == [THIEFS]))
    undo = next(link_in(message) for message in send_emails(app) if message.recipients == [OLD])
    squatter = Browser(app.test_client())
    squatter.sign_up("squatter", OLD)
    squatter.log_in(OLD)
    assert squatter.is_logged_in()
    return squatter, undo


@pytest.mark.requirement(62)
def test_who_signs_up_with_the_old_email_does_not_block_the_undo(app: Flask, squatter: tuple[Browser, str]) -> None:
    thief, undo = squatter
    assert Browser(app.test_client()).send(undo).status_code == 302
    states = run_sql(app, "SELECT email_key, is_active, closed_at IS NULL FROM users ORDER BY id")
    assert (states[0], states[1][1:]) == ((OLD, 1, 1), (0, 0))
    assert not thief.is_logged_in()
    assert events(app)[-2:] == ["sign-up rejected by the email’s owner", "email change undone"]
    assert [message.task for message in send_emails(app) if message.recipients == [OLD]] == [
        "send_password_reset_email",
        "send_undone_notice",
    ]


@pytest.mark.requirement(62)
def test_an_account_that_is_closed_and_not_yet_erased_does_not_block_it(
    app: Flask, squatter: tuple[Browser, str]
) -> None:
    thief, undo = squatter
    assert thief.send("/accounts/me/delete/", password=PASSWORD).status_code == 302
    assert Browser(app.test_client()).send(undo).status_code == 302
    assert run_sql(app, EMAILS)[0] == (OLD,)


@pytest.mark.requirement(62)
@pytest.mark.parametrize("proof", ["email_confirmed_at = joined_at", "email_changed_at = joined_at", "is_staff = 1"])
def test_an_account_that_is_more_than_a_sign_up_stays_until_its_owner_deletes_it(
    app: Flask, squatter: tuple[Browser, str], proof: str
) -> None:
    """The owner can have chosen a password for it: "Forgotten password" with the old email leads there."""
    owner, undo = squatter
    run_sql(app, f"UPDATE users SET {proof} WHERE id = 2")
    assert "delete that account, then open this link again" in owner.send(undo).text
    assert run_sql(app, EMAILS) == [(THIEFS,), (OLD,)]
    assert owner.is_logged_in()
    run_sql(app, "UPDATE users SET is_staff = 0")
    assert owner.send("/accounts/me/delete/", password=PASSWORD).status_code == 302
    assert Browser(app.test_client()).send(undo).status_code == 302
    assert run_sql(app, EMAILS)[0] == (OLD,)


@pytest.mark.requirement(62)
def test_an_email_that_is_sent_while_staff_lock_the_account_out_undoes_the_change_later(
    app: Flask, logged_in: Browser
) -> None:
    logged_in.send(link_in(send_emails(app)[0]))
    logged_in.send("/accounts/me/email/", email=THIEFS, password=PASSWORD)
    logged_in.send(next(link_in(message) for message in send_emails(app) if message.recipients == [THIEFS]))
    run_sql(app, "UPDATE users SET is_active = 0")
    undo = next(link_in(message) for message in send_emails(app) if message.recipients == [OLD])
    owner = Browser(app.test_client())
    assert owner.send(undo).status_code == 400
    run_sql(app, "UPDATE users SET is_active = 1")
    assert owner.send(undo).status_code == 302
    assert run_sql(app, EMAILS) == [(OLD,)]
