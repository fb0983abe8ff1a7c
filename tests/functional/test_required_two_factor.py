"""REQUIRE_TOTP: who must have a second factor sets it up at the next login, and reaches nothing else before."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.admin.operations import reset_totp, set_role
from flaskcelery.audit.events import Event
from tests.authenticator import Authenticator, recovery_codes_in
from tests.conftest import PASSWORD, Browser, events, run_sql
from tests.functional.conftest import Member
from tests.functional.test_new_device import notices
from tests.functional.two_factor import CODE, LOG_IN, OFF, SET_UP_AT_LOGIN, Person, forget_step, send_code, set_up
from tests.pages import errors_of

ME = "/accounts/me/"


def log_in(browser: Browser, email: str) -> str:
    """Log in with the password; return where that leads."""
    answer = browser.send(f"{LOG_IN}?next={ME}", username=email, password=PASSWORD)
    if answer.location.startswith(CODE):
        answer = browser.client.get(answer.location)
    return answer.location or CODE


@pytest.mark.requirement(80)
@pytest.mark.parametrize(
    ("required", "led"), [("none", []), ("staff", ["staff", "viewer"]), ("all", ["user", "viewer", "staff"])]
)
def test_those_who_must_are_led_to_the_set_up(app: Flask, required: str, led: list[str]) -> None:
    members = {role: Member(app, f"the{role}", role) for role in ("user", "viewer", "staff")}
    app.config["REQUIRE_TOTP"] = required
    for role, member in members.items():
        member.log_out()
        assert (log_in(member, member.email) == f"{SET_UP_AT_LOGIN}?next={ME}") == (role in led), role
        assert member.is_logged_in() == (role not in led)


@pytest.mark.requirement(80)
def test_the_set_up_finishes_the_login_and_nothing_else_does(app: Flask, auth: Browser) -> None:
    app.config["REQUIRE_TOTP"] = "all"
    auth.sign_up()
    where = log_in(auth, "alice@example.com")
    assert auth.client.get(CODE).location == SET_UP_AT_LOGIN
    for path in (ME, "/accounts/me/two-factor/set-up/", "/admin/"):
        assert auth.client.get(path).location.startswith(LOG_IN)
    page = auth.client.get(where).text
    authenticator = Authenticator(page)
    assert errors_of(send_code(auth, where, page, authenticator.wrong_code()).text, "code")
    assert not auth.is_logged_in()
    page = auth.client.get(where).text
    authenticator = Authenticator(page)
    used = authenticator.code()
    answer = send_code(auth, where, page, used)
    assert len(recovery_codes_in(answer.text)) == 10
    assert f'href="{ME}"' in answer.text
    assert auth.client.get(ME).status_code == 200
    assert events(app)[-2:] == [Event.TOTP_ENABLED, Event.LOG_IN]
    auth.log_out()
    assert log_in(auth, "alice@example.com") == CODE
    assert errors_of(auth.send(CODE, code=used).text, "code")
    assert auth.send(CODE, code=authenticator.code(1)).status_code == 302


@pytest.mark.requirement(80)
def test_two_browsers_that_set_up_at_once_do_not_replace_each_others_app(app: Flask, auth: Browser) -> None:
    app.config["REQUIRE_TOTP"] = "all"
    auth.sign_up()
    thief = Browser(app.test_client())
    pages = [browser.client.get(log_in(browser, "alice@example.com")).text for browser in (auth, thief)]
    first, second = map(Authenticator, pages)
    assert recovery_codes_in(send_code(auth, SET_UP_AT_LOGIN, pages[0], first.code()).text)
    answer = send_code(thief, SET_UP_AT_LOGIN, pages[1], second.code())
    assert (answer.status_code, answer.location) == (302, LOG_IN)
    assert not thief.is_logged_in()


@pytest.mark.requirement(80)
def test_who_must_have_it_cannot_turn_it_off(app: Flask) -> None:
    alice = Person(app)
    app.config["REQUIRE_TOTP"] = "all"
    alice.begin()
    alice.send(CODE, code=alice.app.code())
    assert OFF not in alice.client.get(ME).text
    assert "You cannot turn it off." in alice.send(OFF, password=PASSWORD).text
    assert run_sql(app, "SELECT totp_secret IS NOT NULL FROM users") == [(1,)]


@pytest.mark.requirement(80)
def test_a_new_role_or_a_reset_leads_to_the_set_up(app: Flask) -> None:
    app.config["REQUIRE_TOTP"] = "staff"
    alice = Member(app, "alice")
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    with app.app_context():
        set_role(alice.id, "viewer")
    assert not alice.is_logged_in()
    assert log_in(alice, alice.email).startswith(SET_UP_AT_LOGIN)
    set_up(alice, SET_UP_AT_LOGIN)
    assert alice.is_logged_in()
    forget_step(app)
    with app.app_context():
        reset_totp(alice.id)
    assert not alice.is_logged_in()
    assert log_in(alice, alice.email).startswith(SET_UP_AT_LOGIN)


@pytest.mark.requirement(80)
def test_a_session_that_began_without_it_ends_once_it_is_required(app: Flask, logged_in: Browser) -> None:
    app.config["REQUIRE_TOTP"] = "staff"
    assert logged_in.is_logged_in()
    app.config["REQUIRE_TOTP"] = "all"
    assert not logged_in.is_logged_in()


@pytest.mark.requirement(82)
def test_a_browser_that_sets_an_app_up_at_the_login_stays_known(app: Flask) -> None:
    alice = Member(app, "alice")
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    app.config["REQUIRE_TOTP"] = "all"
    alice.log_in()
    authenticator, _ = set_up(alice, SET_UP_AT_LOGIN)
    alice.log_out()
    alice.log_in()
    assert alice.send(CODE, code=authenticator.code(1)).status_code == 302
    assert notices(app) == []
