"""A wrong password counts until the right one forgives it; nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from flaskcelery.web import rate_limits as limits
from flaskcelery.web.rate_limits import LIMITS, Limit
from tests.conftest import PASSWORD, Browser, link_in, send_emails
from tests.functional.conftest import pass_ten_minutes

PER_ACCOUNT = LIMITS["log_in"].by_account[0]


@pytest.fixture
def app(counting_app: Flask) -> Flask:
    return counting_app


def test_what_is_no_wrong_password_is_no_failure(auth: Browser, app: Flask) -> None:
    app.config["EMAIL_CONFIRMATION_REQUIRED"] = True
    auth.sign_up()
    for password in (PASSWORD, ""):
        assert {auth.log_in(password=password).status_code for _ in range(PER_ACCOUNT + 1)} == {200}


def test_only_a_wrong_password_counts_when_an_account_is_deleted(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    auth.log_in()
    delete, change_email = "/accounts/me/delete/", "/accounts/me/email/"
    for _ in range(2):  # the right password ends the row, whatever else is wrong
        pass_ten_minutes(app)
        assert {auth.send(delete, password="wrong password").status_code for _ in range(PER_ACCOUNT - 1)} == {200}
        assert auth.send(change_email, email="alice@example.com", password=PASSWORD).status_code == 200
    pass_ten_minutes(app)
    answers = [auth.send(delete, password="wrong password").status_code for _ in range(PER_ACCOUNT - 1)]
    assert {auth.send(delete).status_code for _ in range(PER_ACCOUNT + 1)} == {200}  # neither counts nor forgives
    answers += [auth.send(delete, password="wrong password").status_code for _ in range(2)]
    assert answers == [200] * PER_ACCOUNT + [429]


def test_logging_in_to_an_own_account_keeps_the_clients_failures(
    auth: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth.sign_up("mallory", "mallory@example.com")
    monkeypatch.setitem(limits.LIMITS, "log_in", Limit((3, 60), (3, 60)))
    answers = []
    for number in range(4):
        answers.append(auth.log_in(email=f"user{number}@example.com").status_code)
        if number < 2:
            assert auth.log_in(email="mallory@example.com").status_code == 302
    assert answers == [200, 200, 200, 429]


@pytest.mark.requirement(11)
def test_an_invalid_email_does_not_forgive_wrong_passwords(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    auth.log_in()
    pass_ten_minutes(app)
    for _ in range(PER_ACCOUNT):
        page = auth.send("/accounts/me/email/", email="no email", password="wrong password").text
        assert ("Your password was entered incorrectly." in page, "valid email" in page) == (True, False)
    assert auth.send("/accounts/me/email/", email="no email", password=PASSWORD).status_code == 429


@pytest.mark.requirement(11)
def test_a_link_that_asks_for_no_password_does_not_forgive_wrong_ones(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    link, delete = link_in(send_emails(app)[0]), "/accounts/me/delete/"
    auth.log_in()
    pass_ten_minutes(app)
    assert {auth.send(delete, password="wrong password").status_code for _ in range(PER_ACCOUNT)} == {200}
    assert auth.send(link).status_code == 302
    assert auth.send(delete, password="wrong password").status_code == 429


def test_an_account_whose_email_is_not_confirmed_costs_a_limited_number_of_hashes(
    app: Flask, auth: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["EMAIL_CONFIRMATION_REQUIRED"] = True
    monkeypatch.setitem(LIMITS, "log_in", replace(LIMITS["log_in"], by_member=(3, 60)))
    auth.sign_up()
    assert [auth.log_in().status_code for _ in range(5)] == [200] * 3 + [429] * 2
