"""Signing up, in one browser: the reference Django app's fields, texts and redirects."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from flaskcelery.database import db
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.users.models import User
from flaskcelery.users.passwords import HashingThread
from tests.conftest import PASSWORD, Browser
from tests.pages import errors_of

REQUIRED = {
    "username": "Enter a username.",
    "email": "Enter your email.",
    "password1": "Enter a password.",
    "password2": "Enter the password again.",
}


def users(app: Flask) -> list[User]:
    """Return all accounts."""
    with app.app_context():
        return list(db.session.scalars(select(User)))


def test_a_visitor_signs_up_and_is_sent_to_log_in(auth: Browser) -> None:
    response = auth.sign_up()
    assert (response.status_code, response.location) == (302, "/accounts/login/")
    page = auth.client.get("/accounts/login/").text
    assert '<p class="success message" role="status">Account successfully created!</p>' in page
    assert "Account successfully created!" not in auth.client.get("/accounts/login/").text
    assert not auth.is_logged_in()


@pytest.mark.defect("D16")
def test_the_success_text_speaks_to_visitors_not_to_operators(auth: Browser) -> None:
    auth.sign_up()
    assert "docker" not in auth.client.get("/accounts/login/").text


def test_a_sign_up_owes_exactly_one_welcome(auth: Browser, app: Flask) -> None:
    auth.sign_up()
    with app.app_context():
        row = db.session.scalars(select(OutboxRow)).one()
        user = db.session.scalars(select(User)).one()
    assert (row.task, row.args, row.user_id) == ("send_welcome_email", {"user_id": user.id}, user.id)


@pytest.mark.defect("D1")
def test_no_email_is_owed_for_an_account_that_was_not_saved(auth: Browser, app: Flask) -> None:
    auth.sign_up()
    auth.sign_up(username="other")
    with app.app_context():
        assert len(db.session.scalars(select(OutboxRow)).all()) == 1


def test_empty_fields_are_each_named(auth: Browser) -> None:
    response = auth.send("/accounts/signup/")
    assert response.status_code == 200
    assert {field: errors_of(response.text, field) for field in REQUIRED} == {
        field: [sentence] for field, sentence in REQUIRED.items()
    }


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"email": "nonsense"}, "email", "Enter a valid email address."),
        ({"username": "al ice"}, "username", "Use letters, numbers and @ . + - _ only."),
        ({"username": "a" * 151}, "username", "Ensure this value has at most 150 characters (it has 151)."),
        ({"password2": "something else"}, "password2", "The two password fields didn’t match."),
        (
            {"password1": "short", "password2": "short"},
            "password1",
            "This password is too short. It must contain at least 8 characters.",
        ),
        ({"password1": "iloveyou", "password2": "iloveyou"}, "password1", "This password is too common."),
        ({"password1": "83746152", "password2": "83746152"}, "password1", "This password is entirely numeric."),
        (
            {"username": "brzvatko", "password1": "Xbrzvatko9", "password2": "Xbrzvatko9"},
            "password1",
            "The password is too similar to the username.",
        ),
        (
            {"email": "krqwbnolt@example.com", "password1": "krqwbnolt!7", "password2": "krqwbnolt!7"},
            "password1",
            "The password is too similar to the email.",
        ),
        (
            {"password1": "x" * 1025, "password2": "x" * 1025},
            "password1",
            "This password is too long. It can contain at most 1024 characters.",
        ),
    ],
)
def test_bad_input_gets_a_sentence_at_its_field_and_loses_nothing_typed(
    auth: Browser, app: Flask, fields: dict[str, str], field: str, sentence: str
) -> None:
    typed = {"username": "bob", "email": "bob@example.com", **fields}
    response = auth.sign_up(**typed)
    assert response.status_code == 200
    assert errors_of(response.text, field) == [sentence]
    assert f'value="{typed["username"]}"' in response.text
    assert f'value="{typed["email"]}"' in response.text
    assert PASSWORD not in response.text
    assert users(app) == []


def test_what_is_taken_is_said_at_its_field(auth: Browser) -> None:
    auth.sign_up()
    both = auth.sign_up().text
    assert errors_of(both, "username") == ["A user with that username already exists."]
    assert errors_of(both, "email") == ["This email already has an account."]
    name_only = auth.sign_up(email="other@example.com").text
    assert (len(errors_of(name_only, "username")), len(errors_of(name_only, "email"))) == (1, 0)


@pytest.mark.defect("D10")
@pytest.mark.parametrize("username", ["ALICE", "Alice", "ａｌｉｃｅ"])
def test_one_name_in_another_spelling_is_the_same_name(auth: Browser, app: Flask, username: str) -> None:
    auth.sign_up()
    auth.sign_up(username=username, email="other@example.com")
    assert [user.username for user in users(app)] == ["alice"]


@pytest.mark.defect("D10")
@pytest.mark.parametrize(
    "email", ["ALICE@EXAMPLE.COM", "Alice@example.com", "alice@EXAMPLE.com", " alice@example.com "]
)
def test_one_address_in_another_case_is_the_same_address(auth: Browser, app: Flask, email: str) -> None:
    auth.sign_up()
    auth.sign_up(username="other", email=email)
    assert len(users(app)) == 1


@pytest.mark.defect("D11")
@pytest.mark.parametrize("password", [" two  spaces around ", "\tcorrect horse\t", "  xq7  vy8Kp  "])
def test_spaces_around_a_password_belong_to_it(auth: Browser, password: str) -> None:
    auth.sign_up(password=password)
    auth.log_in(password=password.strip() + "x")
    assert not auth.is_logged_in()
    auth.log_in(password=password)
    assert auth.is_logged_in()


def test_fields_that_the_form_does_not_have_change_nothing(auth: Browser, app: Flask) -> None:
    auth.sign_up(is_staff="1", is_active="", id="77", email_confirmed_at="2026-01-01", password_hash="x")
    user = users(app)[0]
    assert (user.is_staff, user.is_active, user.email_confirmed_at) == (False, True, None)
    assert user.password_hash.startswith("$argon2id$")
    assert user.id != 77


def test_the_page_names_its_fields_as_the_origin_does(auth: Browser) -> None:
    page = auth.client.get("/accounts/signup/").text
    fields = re.findall(r'<input[^>]* name="(\w+)"', page)
    assert fields == ["opened", "csrf_token", "homepage", "username", "email", "password1", "password2"]
    assert page.partition("<main")[2].count('href="/accounts/login/"') == 1


def test_someone_who_is_logged_in_is_sent_home(logged_in: Browser) -> None:
    for path in ("/accounts/signup/", "/accounts/login/"):
        answer = logged_in.client.get(path)
        assert (answer.status_code, answer.location) == (302, "/")
    assert logged_in.client.get("/accounts/login/?next=/accounts/me/").location == "/accounts/me/"
    assert logged_in.client.get("/accounts/login/?next=//evil.com").location == "/"


def test_an_address_without_its_last_slash_leads_to_the_page(auth: Browser) -> None:
    response = auth.client.get("/accounts/signup")
    assert response.status_code == 308
    assert response.location.endswith("/accounts/signup/")


def test_the_password_is_hashed_with_no_transaction_open(auth: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, original = [], HashingThread.run

    def spy(*args: Any) -> Any:
        seen.append(db.session().in_transaction())
        return original(*args)

    monkeypatch.setattr(HashingThread, "run", spy)
    auth.sign_up()
    auth.log_in()
    auth.log_in()
    assert seen == [False] * 3
