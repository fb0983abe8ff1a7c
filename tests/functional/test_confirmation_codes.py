"""A code of an authenticator app confirms a sensitive action, as the password does."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.audit.events import Event
from flaskcelery.web.rate_limits import LIMITS
from tests.conftest import PASSWORD, events
from tests.functional.conftest import Member, pass_ten_minutes
from tests.functional.test_confirmation import EXPORT, post, send_again
from tests.functional.test_sessions import copy_of
from tests.functional.two_factor import SET_UP, Person, forget_step


@pytest.mark.requirement(81)
def test_a_code_of_the_app_does_instead_of_the_password_and_works_once(app: Flask) -> None:
    alice = Person(app).log_in_with_code()
    forget_step(app)
    pass_ten_minutes(app)
    asked = post(alice, EXPORT)
    assert "Your password, or a code from your app" in asked.text
    again = send_again(alice, asked, alice.app.wrong_code())
    assert "This code is wrong" in again.text
    assert events(app)[-1] == Event.WRONG_CODE
    code = alice.app.code()
    assert send_again(alice, again, f" {code} ").is_json
    pass_ten_minutes(app)
    assert "This code is wrong" in send_again(alice, asked, code).text
    assert send_again(alice, asked).is_json


@pytest.mark.requirement(76)
@pytest.mark.requirement(81)
def test_codes_are_guessed_no_more_often_here_than_at_the_login(counting_app: Flask) -> None:
    assert LIMITS["confirm_code"] == LIMITS["enter_code"]
    alice = Person(counting_app).log_in_with_code()
    pass_ten_minutes(counting_app)
    per_account = LIMITS["enter_code"].by_account[0]
    answers = [post(alice, EXPORT, password=alice.app.wrong_code()).status_code for _ in range(per_account + 1)]
    assert answers == [200] * per_account + [429]
    assert post(alice, EXPORT, password=PASSWORD).is_json


@pytest.mark.requirement(76)
def test_a_copied_cookie_does_not_use_up_the_codes_of_the_login(counting_app: Flask) -> None:
    alice = Person(counting_app).log_in_with_code()
    pass_ten_minutes(counting_app)
    thief, most, answers = copy_of(alice), LIMITS["confirm_code"].by_everyone[0], []
    for number in range(most + 2):
        thief.client.environ_base["REMOTE_ADDR"] = f"2001:db8:{number:x}::1"  # an owner of many networks
        answers.append(post(thief, EXPORT, password=alice.app.wrong_code()).status_code)
    assert answers == [200] * most + [429] * 2
    assert post(alice, EXPORT, password=PASSWORD).is_json
    alice.client = counting_app.test_client()
    forget_step(counting_app)
    assert alice.log_in_with_code().is_logged_in()


def test_without_an_app_six_digits_are_a_password(app: Flask, alice: Member) -> None:
    pass_ten_minutes(app)
    assert "Your password was entered incorrectly." in post(alice, SET_UP, code="1", password="123456").text
