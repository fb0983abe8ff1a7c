"""Ways to an account that ask for no code by themselves: none of them skips it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from flask import Flask

from flaskcelery.admin.operations import send_password_link
from flaskcelery.users.models import NO_PASSWORD
from tests.conftest import PASSWORD, Browser, link_in, run_sql, send_emails
from tests.functional.test_import_django import entry, run
from tests.functional.two_factor import CODE, LOG_IN, SET_UP_AT_LOGIN, Person, forget_step

NEW = "staple seventeen lamps"
HASH = f"pbkdf2_sha256$1$salt${base64.b64encode(hashlib.pbkdf2_hmac('sha256', NEW.encode(), b'salt', 1)).decode()}"


def needs_code(person: Person, password: str = PASSWORD) -> bool:
    """Log in with the password; return whether that is not enough."""
    answer = person.send(LOG_IN, username=person.email, password=password)
    assert answer.status_code == 302
    return answer.location == CODE and not person.is_logged_in()


@pytest.mark.requirement(77)
@pytest.mark.parametrize("state", ["email = email", "email_confirmed_at = NULL, email_changed_at = joined_at"])
def test_a_password_reset_does_not_skip_the_code(app: Flask, state: str) -> None:
    alice = Person(app)
    run_sql(app, f"UPDATE users SET {state}")
    alice.send("/accounts/password_reset/", email=alice.email)
    link = link_in(send_emails(app)[-1])
    alice.send(alice.client.get(link).location, new_password1=NEW, new_password2=NEW)
    assert needs_code(alice, NEW)


@pytest.mark.requirement(77)
def test_an_email_change_and_its_undo_do_not_skip_the_code(app: Flask) -> None:
    alice = Person(app)
    alice.begin()
    alice.send(CODE, code=alice.app.code())
    alice.send("/accounts/me/email/", email="alice@new.example.com", password=PASSWORD)
    change = next(link_in(email) for email in send_emails(app) if "/change/" in email.body)
    stranger = Browser(app.test_client())
    assert stranger.send(change, password=PASSWORD).status_code == 302
    undo = next(link_in(email) for email in send_emails(app) if "/undo/" in email.body)
    assert not stranger.is_logged_in()
    alice.email, alice.client = "alice@new.example.com", app.test_client()
    assert needs_code(alice)
    assert alice.send(undo).status_code == 302
    [reset] = [email for email in send_emails(app) if "/accounts/reset/" in (email.body or "")]
    alice.send(alice.client.get(link_in(reset)).location, new_password1=NEW, new_password2=NEW)
    alice.email = "alice@example.com"
    assert needs_code(alice, NEW)


@pytest.mark.requirement(77)
def test_a_new_invitation_does_not_skip_the_code(app: Flask) -> None:
    alice = Person(app)
    run_sql(app, f"UPDATE users SET password_hash = '{NO_PASSWORD}'")
    with app.app_context():
        send_password_link(1)
    link = link_in(send_emails(app)[-1])
    alice.send(alice.client.get(link).location, new_password1=NEW, new_password2=NEW)
    assert needs_code(alice, NEW)


@pytest.mark.requirement(77)
def test_an_import_does_not_skip_the_code(app: Flask, tmp_path: Path) -> None:
    alice = Person(app)
    for fields in ({}, {"password": HASH}):
        assert "1 already there" in run(app, tmp_path, [entry("alice", **fields)])
        assert needs_code(alice)


@pytest.mark.requirement(77)
def test_who_comes_by_an_import_sets_an_app_up_where_it_is_required(app: Flask, tmp_path: Path) -> None:
    app.config["REQUIRE_TOTP"] = "all"
    run(app, tmp_path, [entry("dora", password=HASH)])
    dora = Browser(app.test_client())
    assert dora.client.get(dora.log_in("dora@example.com", NEW).location).location == SET_UP_AT_LOGIN
    assert not dora.is_logged_in()


@pytest.mark.requirement(77)
def test_a_remembered_session_of_one_login_does_not_skip_the_code_of_another(app: Flask) -> None:
    alice = Person(app)
    alice.begin(remember="y")
    alice.send(CODE, code=alice.app.code())
    forget_step(app)
    assert needs_code(alice)  # in the same browser
    assert run_sql(app, "SELECT count(*) FROM login_sessions") == [(0,)]
