"""Another spelling of somebody's mailbox, with an account of its own, takes nothing away from that somebody."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flaskcelery.database import db, now_plus, transaction
from flaskcelery.users.models import User
from flaskcelery.users.names import make_names
from flaskcelery.web.rate_limits import EMAILS_TO_ONE_RECIPIENT
from tests.conftest import PASSWORD, Browser, run_sql, send_emails

TO_ONE = EMAILS_TO_ONE_RECIPIENT[0]


@pytest.fixture
def app(counting_app: Flask) -> Flask:
    return counting_app


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


@pytest.mark.requirement(37, 65)
@pytest.mark.usefixtures("many_clients")
def test_what_sends_no_email_takes_no_sign_up_away(app: Flask, auth: Browser) -> None:
    auth.sign_up("mallory", "mallory@example.com")
    for number in range(TO_ONE):  # the username is taken
        assert auth.sign_up("mallory", f"alice+{number}@example.com").status_code == 200
    auth.log_in("mallory@example.com")
    run_sql(app, "UPDATE users SET password_changed_at = joined_at")  # too new to say that the mailbox is lost
    for _ in range(TO_ONE):
        auth.send("/accounts/me/email/", email="alice@example.com", is_mailbox_lost="y", password=PASSWORD)
    assert run_sql(app, "SELECT count(*) FROM outbox") == [(1,)]
    assert Browser(app.test_client()).sign_up().status_code == 302


@pytest.mark.requirement(65)
@pytest.mark.usefixtures("many_clients")
@pytest.mark.parametrize("form", ["password_reset", "email/resend"])
@pytest.mark.parametrize(
    ("keep_days", "state"),
    [
        (30, {"password_hash": "$argon2id$"}),  # of an imported account that has logged in
        (
            30,
            {"password_hash": "voided", "confirm_by": now_plus(), "email_changed_at": now_plus()},
        ),  # given back by staff
        (0, {"password_hash": f"pbkdf2_sha256$1$salt${'A' * 43}="}),
    ],
)
def test_an_account_with_another_spelling_keeps_nobody_out_who_did_not_sign_up(
    app: Flask, auth: Browser, form: str, keep_days: int, state: dict[str, Any]
) -> None:
    app.config["UNCONFIRMED_KEEP_DAYS"] = keep_days
    with app.app_context(), transaction():
        db.session.add(User(**make_names("john", "john.smith@gmail.com"), **state))
    auth.sign_up("mallory", "johnsmith+1@gmail.com")
    for _ in range(TO_ONE + 1):
        auth.send(f"/accounts/{form}/", email="johnsmith+1@gmail.com")
    send_emails(app)
    auth.send(f"/accounts/{form}/", email="john.smith@gmail.com")
    assert [mail.recipients for mail in send_emails(app)] == [["john.smith@gmail.com"]]


@pytest.mark.requirement(37, 65)
@pytest.mark.usefixtures("many_clients")
@pytest.mark.parametrize("email", ["alice@example.com", "alice.smith@example.com", "alice@gmail.com"])
@pytest.mark.parametrize("form", ["password_reset", "email/resend"])
def test_an_account_with_another_spelling_keeps_no_owner_out(app: Flask, auth: Browser, email: str, form: str) -> None:
    other = email.replace("@", "+1@")
    auth.sign_up("mallory", email)
    auth.sign_up("mallory1", other)
    send_emails(app)
    for _ in range(TO_ONE + 1):
        auth.send(f"/accounts/{form}/", email=other)
    assert [mail.recipients for mail in send_emails(app)] == [[other]] * TO_ONE
    auth.send(f"/accounts/{form}/", email=email)
    assert [mail.recipients for mail in send_emails(app)] == [[email]]
