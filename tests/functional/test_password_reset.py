"""Resetting a forgotten password by email, in the browser of somebody who is not logged in."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import db, transaction
from flaskcelery.mail.message import Message
from flaskcelery.outbox.delivery import deliver
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.tasks import TASKS
from flaskcelery.users.models import User
from tests.conftest import Browser
from tests.pages import csrf_token, errors_of

ASK = "/accounts/password_reset/"
NEW = "staple seventeen lamps"


@pytest.fixture
def member(auth: Browser) -> Browser:
    """Return the browser of somebody who has an account and is not logged in."""
    auth.sign_up()
    return auth


def reset_emails(app: Flask) -> list[Message | None]:
    """Return what the pending resets send, in the order in which they were asked for; None for nobody."""
    with app.app_context():
        rows = db.session.scalars(select(OutboxRow).order_by(OutboxRow.created_at)).all()
        return [TASKS[row.task](**row.args) for row in rows if row.task == "send_password_reset_email"]


def ask(browser: Browser, email: str = "alice@example.com") -> str:
    """Ask for a link; return its path."""
    assert browser.send(ASK, email=email).status_code == 302
    message = reset_emails(browser.client.application)[-1]
    assert message
    return re.search(r"http://127\.0\.0\.1:8000(/accounts/reset/\S+)", message.body)[1]


def follow(browser: Browser, link: str, new: str = NEW, again: str | None = None) -> object:
    """Open the link and fill in the form behind it."""
    form = browser.client.get(link).location or "/nowhere/"
    return browser.send(form, new_password1=new, new_password2=new if again is None else again)


def change_row(app: Flask, **values: object) -> None:
    """Write into the account's row."""
    with app.app_context(), transaction():
        db.session.execute(update(User).values(**values))


def counts(app: Flask) -> tuple[int, int, int]:
    """Return the numbers of outbox rows, audit rows and accounts."""
    with app.app_context():
        return tuple(
            db.session.scalar(select(func.count()).select_from(model)) for model in (OutboxRow, AuditEvent, User)
        )


def test_a_member_resets_the_password_and_logs_in_with_it(app: Flask, member: Browser) -> None:
    assert f'href="{ASK}"' in member.client.get("/accounts/login/").text
    other = Browser(app.test_client())
    other.log_in()
    response = member.send(ASK, email="alice@example.com")
    assert (response.status_code, response.location) == (302, f"{ASK}done/")
    assert member.client.get(f"{ASK}done/").status_code == 200
    link = ask(member)
    response = member.client.get(link)
    assert (response.status_code, response.location) == (302, "/accounts/reset/1/set-password/")
    response = follow(member, link)
    assert (response.status_code, response.location) == (302, "/accounts/reset/done/")
    assert 'href="/accounts/login/"' in member.client.get(response.location).text.partition("<main")[2]
    assert not member.is_logged_in()
    assert not other.is_logged_in()
    member.log_in()
    assert not member.is_logged_in()
    member.log_in(password=NEW)
    assert member.is_logged_in()


def test_the_email_names_the_account_and_says_how_long_its_link_works(app: Flask, member: Browser) -> None:
    link = ask(member)
    [message] = reset_emails(app)
    lines = message.body.splitlines()
    assert "alice@example.com" in lines[2]
    assert "one hour" in lines[4]
    assert lines[6] == f"http://127.0.0.1:8000{link}"


@pytest.mark.parametrize("typed", ["ALICE@example.com", " alice@EXAMPLE.com ", "Alice@Example.Com"])
def test_the_email_goes_to_the_stored_address_not_to_the_typed_one(app: Flask, member: Browser, typed: str) -> None:
    ask(member, typed)
    assert [message.recipients for message in reset_emails(app)] == [["alice@example.com"]]


@pytest.mark.requirement(13)
@pytest.mark.parametrize(
    "header", ["Host", "X-Forwarded-Host", "X-Forwarded-Server", "X-Original-Host", "Forwarded", "X-Forwarded-Proto"]
)
def test_no_header_decides_where_the_link_leads(app: Flask, member: Browser, header: str) -> None:
    member.client.get(ASK)
    token = csrf_token(member.client.get(ASK).text)
    fields = {"email": "alice@example.com", "csrf_token": token}
    answer = member.client.post(ASK, data=fields, headers={header: "evil.example"})
    emails = reset_emails(app)
    assert answer.status_code == 400 if header == "Host" else len(emails) == 1
    assert all("evil" not in message.body and "http://127.0.0.1:8000/" in message.body for message in emails)


@pytest.mark.defect("D17")
@pytest.mark.parametrize("case", ["known", "unknown", "inactive", "unusable"])
def test_every_address_has_the_same_answer_and_as_many_writes(app: Flask, member: Browser, case: str) -> None:
    if case == "inactive":
        change_row(app, is_active=False)
    elif case == "unusable":
        change_row(app, password_hash="!")
    before = counts(app)
    response = member.send(ASK, email="nobody@example.com" if case == "unknown" else "alice@example.com")
    assert (response.status_code, response.location) == (302, f"{ASK}done/")
    assert response.headers.getlist("Set-Cookie") == []
    assert [after - old for old, after in zip(before, counts(app), strict=True)] == [1, 1, 0]
    assert [bool(message) for message in reset_emails(app)] == [case == "known"]


def test_a_row_for_nobody_is_done_and_an_old_one_sends_nothing(app: Flask, member: Browser) -> None:
    app.extensions["mail"].suppress = True
    member.send(ASK, email="nobody@example.com")
    member.send(ASK, email="alice@example.com")
    with app.app_context():
        [nobody, alice] = db.session.scalars(
            select(OutboxRow).where(OutboxRow.task == "send_password_reset_email").order_by(OutboxRow.created_at)
        )
        assert alice.expires_at - alice.created_at == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=5))
        send, args = TASKS[alice.task], alice.args
        assert send(**args)
        assert send(**{**args, "made_at": args["made_at"] - 3602}) is None
        row_id = nobody.id
        deliver(row_id)
        assert db.session.get(OutboxRow, row_id).done_at


def test_a_second_attempt_sends_the_same_link(app: Flask, member: Browser) -> None:
    ask(member)
    assert reset_emails(app)[0].body == reset_emails(app)[0].body


def test_what_is_no_address_is_told_so(member: Browser) -> None:
    for typed in ("nonsense", "a@b@c", "x" * 300 + "@example.com"):
        response = member.send(ASK, email=typed)
        assert (response.status_code, errors_of(response.text, "email")) == (200, ["Enter a valid email address."])
    assert errors_of(member.send(ASK, email="").text, "email") == ["Enter your email."]
