"""Logging in and out, in one browser."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from flaskcelery.app import create_app
from flaskcelery.database import db, transaction
from flaskcelery.users.models import User
from flaskcelery.users.passwords import Hasher
from tests.conftest import Browser, close
from tests.pages import csrf_token

FAILURE = "Please enter a correct email and password."


@pytest.fixture
def member(auth: Browser) -> Browser:
    """Return the browser of somebody who has an account and is not logged in."""
    auth.sign_up()
    auth.client.get("/accounts/login/")
    return auth


def change_alice(app: Flask, **values: object) -> None:
    """Write into alice's row."""
    with app.app_context(), transaction():
        db.session.execute(update(User).values(**values))


def alice(app: Flask) -> User:
    """Return alice's row."""
    with app.app_context():
        return db.session.scalars(select(User)).one()


def test_a_member_logs_in_is_greeted_and_logs_out(member: Browser) -> None:
    response = member.log_in()
    assert (response.status_code, response.location) == (302, "/")
    page = member.client.get("/").text
    assert re.search("<h1>[^<]*<bdi>alice</bdi>", page)
    assert member.is_logged_in()
    response = member.log_out()
    assert (response.status_code, response.location) == (302, "/accounts/login/")
    page = member.client.get("/").text
    assert 'href="/accounts/signup/"' in page


@pytest.mark.parametrize("email", ["ALICE@example.com", "alice@EXAMPLE.COM", " Alice@Example.Com "])
def test_the_address_may_be_typed_in_any_case(member: Browser, email: str) -> None:
    member.log_in(email=email)
    assert member.is_logged_in()


def test_every_failure_has_one_answer(member: Browser, app: Flask) -> None:
    answers = [
        member.log_in(password="wrong password"),
        member.log_in(email="nobody@example.com"),
        member.log_in(email="alice"),
        member.log_in(password="x" * 2000),
    ]
    change_alice(app, is_active=False)
    answers.append(member.log_in())
    pages = {re.sub(r'value="[^"]*"', "", answer.text) for answer in answers}
    assert len(pages) == 1
    assert FAILURE in pages.pop()
    assert {answer.status_code for answer in answers} == {200}
    assert not member.is_logged_in()


@pytest.mark.defect("D7")
def test_a_second_tab_may_log_out_after_the_first(member: Browser) -> None:
    member.log_in()
    token = csrf_token(member.client.get("/").text)
    answers = [member.client.post("/accounts/logout/", data={"csrf_token": token}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]


def test_the_cursor_starts_where_something_is_to_be_typed(member: Browser) -> None:
    def focus(page: str) -> list[str]:
        return [re.search(r'name="(\w+)"', tag)[1] for tag in re.findall("<input[^>]*autofocus[^>]*>", page)]

    assert focus(member.client.get("/accounts/login/").text) == ["username"]
    assert focus(member.log_in(password="wrong password").text) == ["password"]
    assert focus(member.client.get("/accounts/signup/").text) == ["username"]
    assert focus(member.sign_up(username="bob", email="nonsense").text) == ["email"]


def test_the_typed_address_stays_and_the_typed_password_does_not(member: Browser) -> None:
    page = member.log_in(password="wrong password").text
    assert 'value="alice@example.com"' in page
    assert "wrong password" not in page


def test_a_log_in_is_written_down(member: Browser, app: Flask) -> None:
    assert alice(app).last_login_at is None
    member.log_in()
    user = alice(app)
    assert user.last_login_at is not None
    assert user.joined_at <= user.last_login_at


@pytest.mark.requirement(1)
def test_a_hash_with_old_parameters_is_remade_at_log_in(member: Browser, app: Flask, environ: dict[str, str]) -> None:
    old = alice(app).password_hash
    newer = create_app({**environ, "ARGON2_PARAMETERS": "m=16,t=1,p=1"})
    browser = Browser(newer.test_client())
    browser.log_in()
    assert browser.is_logged_in()
    new = alice(app).password_hash
    assert "m=16,t=1,p=1" in new
    assert new != old
    browser.log_in()
    assert alice(app).password_hash == new
    close(newer)


def test_a_log_in_that_another_log_in_overtook_still_succeeds(
    member: Browser, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    remade = []

    original = Hasher.verify

    def overtaken(self: Hasher, password: str, *hashes: Any) -> bool:
        fits = original(self, password, *hashes)
        if not remade:  # what the other login does meanwhile
            remade.append(self.hash(password))
            with transaction():
                db.session.execute(update(User).values(password_hash=remade[0]))
        return fits

    monkeypatch.setattr(Hasher, "verify", overtaken)
    assert member.log_in().status_code == 302
    assert member.is_logged_in()


def test_a_log_in_that_a_password_change_overtook_is_refused(
    member: Browser, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Hasher.verify

    def overtaken(self: Hasher, password: str, *hashes: Any) -> bool:
        fits = original(self, password, *hashes)
        with transaction():
            db.session.execute(update(User).values(password_hash="another"))
        return fits

    monkeypatch.setattr(Hasher, "verify", overtaken)
    assert FAILURE in member.log_in().text
    assert not member.is_logged_in()


def test_logs_name_the_events_and_mask_the_address(member: Browser, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    member.log_in(password="wrong password")
    member.log_in()
    member.log_out()
    for text in ("failed login: user 1 a***@example.com", "logged in: user 1", "logged out: user 1"):
        assert text in caplog.text
    assert "alice@example.com" not in caplog.text
    assert "wrong password" not in caplog.text


def test_the_page_names_its_fields_as_the_origin_does(member: Browser) -> None:
    page = member.client.get("/accounts/login/").text
    assert re.findall(r'<input[^>]* name="(\w+)"', page) == ["next", "csrf_token", "username", "password", "remember"]
    assert ">Email<" in page
    assert 'autocomplete="current-password"' in page
