"""Another spelling of somebody's mailbox, with an account of its own, takes nothing away from that somebody."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.conftest import Browser, run_sql, send_emails


@pytest.mark.requirement(37)
@pytest.mark.usefixtures("many_clients")
def test_an_unconfirmed_account_does_not_use_up_the_resets_of_a_confirmed_one(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    auth.sign_up("mallory", "alice+1@example.com")
    send_emails(app)
    for _ in range(6):
        auth.send("/accounts/password_reset/", email="alice+1@example.com")
    send_emails(app)
    auth.send("/accounts/password_reset/", email="alice@example.com")
    assert [mail.recipients for mail in send_emails(app)] == [["alice@example.com"]]
