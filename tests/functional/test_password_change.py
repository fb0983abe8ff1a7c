"""Changing one's password, with two browsers that are logged in."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select

from flaskcelery.account import operations
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import db
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.tasks import TASKS
from flaskcelery.users.passwords import HashingThread
from tests.conftest import PASSWORD, Browser, link_in, run_sql, send_emails
from tests.functional.test_sessions import copy_of
from tests.pages import errors_of

CHANGE = "/accounts/password_change/"
NEW = "staple seventeen lamps"


def events(app: Flask) -> list[str]:
    """Return what the audit trail says, in order."""
    with app.app_context():
        return list(db.session.scalars(select(AuditEvent.event).order_by(AuditEvent.id)))


def change(browser: Browser, old: str = PASSWORD, new: str = NEW, again: str | None = None) -> object:
    """Fill in the form."""
    return browser.send(CHANGE, old_password=old, new_password1=new, new_password2=new if again is None else again)


@pytest.mark.requirement(84)
def test_a_member_changes_the_password_and_stays_logged_in_here_alone(app: Flask, logged_in: Browser) -> None:
    other, thief = Browser(app.test_client()), copy_of(logged_in)
    other.log_in()
    response = change(logged_in)
    assert (response.status_code, response.location) == (302, "/accounts/me/")
    page = logged_in.client.get("/accounts/me/").text
    assert "Your password was changed. Other devices have been logged out." in page
    assert logged_in.is_logged_in()
    assert not other.is_logged_in()
    assert not thief.is_logged_in()  # this browser's session has a new token
    other.log_in()
    assert not other.is_logged_in()
    other.log_in(password=NEW)
    assert other.is_logged_in()
    logged_in.log_out()
    assert other.is_logged_in()


def test_the_owner_is_told_and_it_is_in_the_audit_trail(app: Flask, logged_in: Browser) -> None:
    logged_in.send(link_in(send_emails(app)[0]))
    change(logged_in)
    assert events(app)[-1] == "password changed"
    with app.app_context():
        row = db.session.scalars(select(OutboxRow).where(OutboxRow.task == "send_password_changed_email")).one()
        message = TASKS[row.task](**row.args)
    assert message.recipients == ["alice@example.com"]
    assert "http://127.0.0.1:8000/accounts/password_reset/" in message.body
    assert re.search(r"on \d\d? \w+ \d{4} at \d\d:\d\d UTC", " ".join(message.body.split()))


def test_a_wrong_old_password_changes_nothing_and_is_written_down(app: Flask, logged_in: Browser) -> None:
    for wrong in ("not the password", "x" * 2000):
        response = change(logged_in, old=wrong)
        sentence = "Your old password was entered incorrectly. Please enter it again."
        assert errors_of(response.text, "old_password") == [sentence]
        assert wrong not in response.text
        assert NEW not in response.text
        assert events(app)[-1] == "wrong current password"
    logged_in.log_out()
    logged_in.log_in()
    assert logged_in.is_logged_in()


@pytest.mark.parametrize(
    ("new", "again", "field", "sentence"),
    [
        (NEW, "another", "new_password2", "The two password fields didn’t match."),
        ("alice@example.com", None, "new_password1", "The password is too similar to the email."),
        ("alice", None, "new_password1", "The password is too similar to the username."),
        ("iloveyou", None, "new_password1", "This password is too common."),
        ("", None, "new_password1", "Enter a password."),
    ],
)
def test_a_bad_new_password_is_refused(
    logged_in: Browser, new: str, again: str | None, field: str, sentence: str
) -> None:
    response = change(logged_in, new=new, again=again)
    assert response.status_code == 200
    assert sentence in errors_of(response.text, field)
    logged_in.log_out()
    logged_in.log_in()
    assert logged_in.is_logged_in()


def test_the_same_password_as_before_is_accepted_as_the_origin_does(logged_in: Browser) -> None:
    assert change(logged_in, new=PASSWORD).status_code == 302
    assert logged_in.is_logged_in()


def test_visitors_are_sent_to_log_in(app: Flask) -> None:
    response = app.test_client().get(CHANGE)
    assert (response.status_code, response.location) == (302, f"/accounts/login/?next={quote(CHANGE, safe='')}")


def test_the_page_tells_the_rules_and_names_its_fields_as_the_origin_does(logged_in: Browser) -> None:
    page = logged_in.client.get(CHANGE).text.partition("<h1>")[2]
    assert re.findall(r'<input[^>]* name="(\w+)"', page) == [
        "csrf_token", "old_password", "new_password1", "new_password2",
    ]  # fmt: skip
    assert page.count('autocomplete="new-password"') == 2
    assert 'autocomplete="current-password"' in page
    assert 'aria-describedby="ChangePasswordForm-new_password1-hint"' in page
    assert "At least 8 characters." in page
    assert f'href="{CHANGE}"' in logged_in.client.get("/accounts/me/").text


def test_a_hash_from_django_is_remade_at_log_in(app: Flask, logged_in: Browser) -> None:
    from tests.functional.test_login import alice, change_alice
    from tests.unit.users.test_passwords import DJANGO_HASHES

    for password, password_hash in DJANGO_HASHES.items():
        change_alice(app, password_hash=password_hash)
        logged_in.log_in(password=password)
        assert logged_in.is_logged_in()
        assert alice(app).password_hash.startswith("$argon2id$")


def test_nothing_is_hashed_while_a_transaction_is_open(logged_in: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, original = [], HashingThread.run

    def spy(*args: Any) -> Any:
        seen.append(db.session().in_transaction())
        return original(*args)

    monkeypatch.setattr(HashingThread, "run", spy)
    change(logged_in)
    assert seen == [False, False]


def test_a_session_that_ends_meanwhile_changes_no_password(
    app: Flask, logged_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "count_member", lambda *_: run_sql(app, "DELETE FROM login_sessions"))
    change(logged_in)
    assert not logged_in.is_logged_in()
    assert logged_in.log_in().status_code == 302


def test_a_new_password_ends_a_change_of_address_that_somebody_has_asked_for(logged_in: Browser) -> None:
    logged_in.send("/accounts/me/email/", email="thief@example.com", password=PASSWORD)
    assert "thief@example.com" in logged_in.client.get("/accounts/me/").text
    logged_in.send(CHANGE, old_password=PASSWORD, new_password1=NEW, new_password2=NEW)
    assert "thief@example.com" not in logged_in.client.get("/accounts/me/").text


@pytest.mark.requirement(21)
def test_a_copied_cookie_without_the_password_does_not_use_up_the_owners_changes(counting_app: Flask) -> None:
    owner = Browser(counting_app.test_client())
    owner.sign_up()
    owner.log_in()
    thief = copy_of(owner)
    thief.client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    for old, new in (("a guess", NEW), (PASSWORD, "short")) * 3:
        assert change(thief, old, new).status_code == 200
    assert change(owner).status_code == 302
