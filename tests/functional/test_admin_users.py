"""Staff add and edit users, and send them a link for a password."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Browser, events, link_in, run_sql, send_emails
from tests.functional.conftest import Member
from tests.pages import errors_of, links_of

NEW_PASSWORD = "staple seventeen"


def add(staff: Member, username: str, email: str) -> str:
    """Add a user; return the page that follows."""
    return staff.act("/admin/users/", "add", username=username, email=email).text


def choose_password(app: Flask, path: str) -> None:
    """Follow the link of an email and choose a password."""
    browser = Browser(app.test_client())
    form = browser.client.get(path).location
    answer = browser.send(form, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
    assert answer.location == "/accounts/reset/done/"


@pytest.mark.defect("D9")
def test_two_users_are_added_each_with_an_address(app: Flask, staff: Member) -> None:
    assert "An email with a link to choose a password is on its way." in add(staff, "bob", "bob@example.com")
    assert "An email with a link to choose a password is on its way." in add(staff, "carol", "carol@example.com")
    assert links_of(staff.client.get("/admin/users/").text)[:2] == ["carol@example.com", "bob@example.com"]


@pytest.mark.defect("D8")
def test_there_is_no_user_without_an_address(app: Flask, staff: Member) -> None:
    page = add(staff, "bob", "")
    assert "Enter an email." in page
    assert run_sql(app, "SELECT count(*) FROM users") == [(1,)]


def test_who_is_added_chooses_the_password_by_email_within_seven_days(app: Flask, staff: Member) -> None:
    add(staff, "bob", "bob@example.com")
    age = "UPDATE outbox SET args = json_set(args, '$.made_at', json_extract(args, '$.made_at') - {} * 86400)"
    run_sql(app, f"{age.format(6)} WHERE task = 'send_invitation_email'")
    [message] = send_emails(app)
    assert message.recipients == ["bob@example.com"]
    choose_password(app, link_in(message))
    bob = Browser(app.test_client())
    bob.log_in("bob@example.com", NEW_PASSWORD)
    assert bob.is_logged_in()
    assert run_sql(app, "SELECT email_confirmed_at IS NOT NULL FROM users WHERE username = 'bob'") == [(1,)]
    assert bob.client.get(link_in(message)).status_code == 200  # no redirect to the form: it is used up
    send_emails(app)
    add(staff, "carol", "carol@example.com")
    run_sql(app, f"{age.format(8)} WHERE done_at IS NULL")
    assert send_emails(app) == []


def test_nobody_logs_in_without_a_password(app: Flask, staff: Member) -> None:
    add(staff, "bob", "bob@example.com")
    for password in ("", "!", PASSWORD):
        browser = Browser(app.test_client())
        browser.log_in("bob@example.com", password)
        assert not browser.is_logged_in()


@pytest.mark.parametrize(
    ("username", "email", "sentence"),
    [
        ("ALICE", "new@example.com", "A user with that username already exists."),
        ("new", "Alice@Example.com", "This email already has an account."),
        ("al ice", "new@example.com", "Use letters, numbers and @ . + - _ only."),
        ("new", "new", "Enter a valid email address."),
    ],
)
def test_a_name_that_cannot_be_had_is_said_at_its_field(
    app: Flask, staff: Member, username: str, email: str, sentence: str
) -> None:
    Member(app, "alice")
    bob = Member(app, "bob")
    before = run_sql(app, "SELECT username, email FROM users")
    for where, action in (("/admin/users/", "add"), (f"/admin/users/{bob.id}/", "edit")):
        page = staff.act(where, action, username=username, email=email).text
        assert any(each.startswith(sentence) for each in errors_of(page, "username") + errors_of(page, "email"))
        assert f'value="{username}"' in page
        assert f'value="{email}"' in page
    assert run_sql(app, "SELECT username, email FROM users") == before


def test_an_address_changed_by_staff_has_to_be_confirmed_and_the_old_one_is_told(
    app: Flask, staff: Member, alice: Member
) -> None:
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    send_emails(app)
    page = staff.act(f"/admin/users/{alice.id}/", "edit", username="alicia", email="new@example.com").text
    assert f"User {alice.id} is saved." in page
    assert "email: a***@example.com → n***@example.com, username: alice → alicia" in page.replace("<wbr>", "")
    assert not alice.is_logged_in()
    names = run_sql(app, f"SELECT username, email, email_confirmed_at FROM users WHERE id = {alice.id}")
    assert names == [("alicia", "new@example.com", None)]
    emails = {message.recipients[0]: message for message in send_emails(app)}
    assert set(emails) == {"alice@example.com", "new@example.com"}
    Browser(app.test_client()).send(link_in(emails["alice@example.com"]))
    assert run_sql(app, f"SELECT email FROM users WHERE id = {alice.id}") == [("alice@example.com",)]


def test_a_form_that_is_older_than_a_change_by_the_owner_does_not_take_it_back(
    app: Flask, staff: Member, alice: Member
) -> None:
    row = f"/admin/users/{alice.id}/"
    form = f"{row}action/edit/"
    shown = {"email_key": re.findall(r'name="email_key"[^>]*value="([^"]+)"', staff.client.get(form).text)[0]}
    run_sql(app, f"UPDATE users SET email = 'new@example.com', email_key = 'new@example.com' WHERE id = {alice.id}")
    page = staff.act(row, "edit", **shown, username="alicia", email="alice@example.com").text
    assert "has changed in the meantime" in page
    assert run_sql(app, f"SELECT username, email FROM users WHERE id = {alice.id}") == [("alice", "new@example.com")]


def test_an_address_in_another_case_is_no_new_one(app: Flask, staff: Member, alice: Member) -> None:
    send_emails(app)
    staff.act(f"/admin/users/{alice.id}/", "edit", username="alice", email="Alice@example.com")
    assert alice.is_logged_in()
    assert send_emails(app) == []


def test_saving_what_is_there_already_changes_nothing(app: Flask, staff: Member, alice: Member) -> None:
    before = events(app)
    staff.act(f"/admin/users/{alice.id}/", "edit", username="alice", email="alice@example.com")
    assert events(app) == before
    assert alice.is_logged_in()


@pytest.mark.requirement(32)
def test_staff_sends_a_reset_email_and_knows_no_password(app: Flask, staff: Member, alice: Member) -> None:
    send_emails(app)
    page = staff.act(f"/admin/users/{alice.id}/", "send-reset").text
    assert f"is on its way to user {alice.id}." in page
    assert "password" not in staff.client.get(f"/admin/users/{alice.id}/action/edit/").text
    [message] = send_emails(app)
    choose_password(app, link_in(message))
    alice.log_in(password=NEW_PASSWORD)
    assert alice.is_logged_in()
