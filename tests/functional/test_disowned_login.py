"""The button in the email about a new device: it ends all sessions, voids the password and starts a reset, once."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.audit.events import Event
from flaskcelery.users import email_links
from flaskcelery.users.models import User
from tests.authenticator import Authenticator
from tests.conftest import PASSWORD, Browser, events, link_in, run_sql, send_emails
from tests.functional.conftest import AGO, Member
from tests.functional.test_admin_access import rows_of
from tests.functional.two_factor import SET_UP, set_up
from tests.pages import DEAD, csrf_token

NEW = "brass kettle forty"


@pytest.fixture
def alice(app: Flask, alice: Member) -> Member:
    """Return alice, whose email is confirmed."""
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    send_emails(app)
    return alice


@pytest.fixture
def thief(app: Flask, alice: Member) -> Browser:
    """Return somebody who has logged in to alice's account."""
    browser = Browser(app.test_client())
    assert browser.log_in().status_code == 302
    return browser


@pytest.fixture
def link(app: Flask, thief: Browser) -> str:
    """Return the link in the email about that."""
    [email] = send_emails(app)
    return link_in(email)


@pytest.mark.requirement(83)
def test_the_button_logs_the_thief_out_voids_the_password_and_sends_a_reset_link(
    app: Flask, alice: Member, thief: Browser, link: str
) -> None:
    visitor = Browser(app.test_client())
    assert visitor.send(link).location == "/accounts/login/"
    assert "Every device has been logged out" in visitor.client.get("/accounts/login/").text
    assert [browser.is_logged_in() for browser in (alice, thief, visitor)] == [False, False, False]
    assert "Please enter a correct email and password." in thief.log_in().text
    assert events(app)[-2] == Event.LOG_IN_DISOWNED
    [reset] = send_emails(app)
    assert (reset.task, reset.recipients) == ("send_password_reset_email", ["alice@example.com"])
    form = visitor.client.get(link_in(reset)).location
    assert visitor.send(form, new_password1=NEW, new_password2=NEW).status_code == 302
    assert visitor.log_in(password=NEW).status_code == 302


@pytest.mark.requirement(83)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_program_that_opens_the_link_changes_nothing(app: Flask, thief: Browser, link: str, method: str) -> None:
    before = rows_of(app)
    for client in (app.test_client(), thief.client):
        assert client.open(link, method=method).status_code == 200
    assert rows_of(app) == before
    assert app.test_client().post(link).status_code == 400  # without the token of the page
    assert rows_of(app) == before


@pytest.mark.requirement(77)
def test_the_button_removes_no_app_not_even_one_that_is_newer_than_the_login(
    app: Flask, thief: Browser, link: str
) -> None:
    set_up(thief)
    assert Browser(app.test_client()).send(link).status_code == 302
    assert run_sql(app, "SELECT totp_secret IS NOT NULL FROM users") == [(1,)]


@pytest.mark.requirement(83)
def test_the_button_works_once(app: Flask, alice: Member, link: str) -> None:
    visitor = Browser(app.test_client())
    assert visitor.send(link).status_code == 302
    before = rows_of(app)
    assert DEAD in visitor.client.get(link).text
    token = csrf_token(visitor.client.get("/accounts/login/").text)
    assert DEAD in visitor.client.post(link, data={"csrf_token": token}).text
    assert rows_of(app) == before


@pytest.mark.requirement(83)
def test_of_two_presses_at_once_one_does_it(app: Flask, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = email_links.pause

    def pause(user: User) -> None:
        original(user)
        run_sql(app, "UPDATE users SET devices_forgotten_at = joined_at")  # by the other

    monkeypatch.setattr(email_links, "pause", pause)
    assert DEAD in Browser(app.test_client()).send(link).text
    assert send_emails(app) == []


@pytest.mark.requirement(83)
def test_the_link_lives_seven_days_and_is_for_its_own_account(app: Flask, alice: Member, link: str) -> None:
    bob = Member(app, "bob")
    other = link.replace(f"/{alice.id}/", f"/{bob.id}/")
    assert DEAD in bob.client.get(other).text
    send_emails(app)
    run_sql(app, f"UPDATE audit_events SET at = {AGO.format('8 days')}")
    run_sql(app, "UPDATE outbox SET done_at = NULL, due_at = created_at WHERE task = 'send_new_device_notice'")
    [late] = send_emails(app)
    assert DEAD in alice.client.get(link_in(late)).text


@pytest.mark.requirement(83)
@pytest.mark.parametrize("deed", ["password", "username", "app"])
def test_nothing_that_the_thief_does_kills_the_link(app: Flask, thief: Browser, link: str, deed: str) -> None:
    if deed == "password":
        fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
        assert thief.send("/accounts/password_change/", **fields).status_code == 302
    elif deed == "username":
        thief.send("/accounts/me/username/", username="mallory")
    else:
        assert isinstance(set_up(thief, SET_UP)[0], Authenticator)
    assert Browser(app.test_client()).send(link).status_code == 302
    assert not thief.is_logged_in()


@pytest.mark.requirement(83)
def test_the_link_gives_no_access(app: Flask, link: str) -> None:
    visitor = Browser(app.test_client())
    assert "alice@example.com" not in visitor.client.get(link).text
    visitor.send(link)
    assert not visitor.is_logged_in()
