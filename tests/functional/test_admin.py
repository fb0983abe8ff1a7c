"""What staff see and do, page by page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event

from flaskcelery.database import db
from tests.conftest import PASSWORD, Browser, events, link_in, run_sql, send_mails
from tests.functional.conftest import Member

NEW_PASSWORD = "staple seventeen"
LAST_STAFF = (
    "The last active member of staff cannot be demoted, locked out or deleted. Please appoint another one first."
)


def links_of(page: str) -> list[str]:
    """Return what the first column of a list says."""
    return re.findall(r"<td><a [^>]*>([^<]*)</a>", page)


@contextmanager
def count_queries(app: Flask) -> Iterator[list[str]]:
    """Collect the statements that the block sends to the database."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def add(staff: Member, username: str, email: str) -> str:
    """Add a user; return the page that follows."""
    return staff.act("/admin/users/", "add", username=username, email=email).text


def choose_password(app: Flask, path: str) -> None:
    """Follow the link of a mail and choose a password."""
    browser = Browser(app.test_client())
    form = browser.client.get(path).location
    answer = browser.send(form, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
    assert answer.location == "/accounts/reset/done/"


@pytest.mark.defect("D9")
def test_two_users_are_added_each_with_an_address(app: Flask, staff: Member) -> None:
    assert "bob@example.com was added" in add(staff, "bob", "bob@example.com")
    assert "carol@example.com was added" in add(staff, "carol", "carol@example.com")
    assert links_of(staff.client.get("/admin/users/").text)[:2] == ["carol@example.com", "bob@example.com"]


@pytest.mark.defect("D8")
def test_there_is_no_user_without_an_address(app: Flask, staff: Member) -> None:
    page = add(staff, "bob", "")
    assert "This field is required." in page
    assert run_sql(app, "SELECT count(*) FROM users") == [(1,)]


def test_who_is_added_chooses_the_password_by_mail_within_seven_days(app: Flask, staff: Member) -> None:
    send_mails(app)
    add(staff, "bob", "bob@example.com")
    age = "UPDATE outbox SET args = json_set(args, '$.made_at', json_extract(args, '$.made_at') - {} * 86400)"
    run_sql(app, f"{age.format(6)} WHERE task = 'send_invitation_email'")
    [mail] = send_mails(app)
    assert mail.recipients == ["bob@example.com"]
    choose_password(app, link_in(mail))
    bob = Browser(app.test_client())
    bob.log_in("bob@example.com", NEW_PASSWORD)
    assert bob.is_logged_in()
    assert run_sql(app, "SELECT email_confirmed_at IS NOT NULL FROM users WHERE username = 'bob'") == [(1,)]
    assert bob.client.get(link_in(mail)).status_code == 200  # no redirect to the form: it is used up
    add(staff, "carol", "carol@example.com")
    run_sql(app, f"{age.format(8)} WHERE done_at IS NULL")
    assert send_mails(app) == []


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
        ("new", "Alice@Example.com", "User with this Email already exists."),
        ("al ice", "new@example.com", "Enter a valid username."),
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
        assert re.search(rf'<ul class="errors"[^>]*>\s*<li>{re.escape(sentence)}', page)
        assert f'value="{username}"' in page
        assert f'value="{email}"' in page
    assert run_sql(app, "SELECT username, email FROM users") == before


def test_an_address_changed_by_staff_has_to_be_confirmed_and_the_old_one_is_told(
    app: Flask, staff: Member, alice: Member
) -> None:
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    send_mails(app)
    page = staff.act(f"/admin/users/{alice.id}/", "edit", username="alicia", email="new@example.com").text
    assert "new@example.com is saved." in page
    assert "email: a***@example.com → n***@example.com, username: alice → alicia" in page
    assert not alice.is_logged_in()
    names = run_sql(app, f"SELECT username, email, email_confirmed_at FROM users WHERE id = {alice.id}")
    assert names == [("alicia", "new@example.com", None)]
    mails = {mail.recipients[0]: mail for mail in send_mails(app)}
    assert set(mails) == {"alice@example.com", "new@example.com"}
    Browser(app.test_client()).send(link_in(mails["alice@example.com"]))
    assert run_sql(app, f"SELECT email FROM users WHERE id = {alice.id}") == [("alice@example.com",)]


def test_an_address_in_another_case_is_no_new_one(app: Flask, staff: Member, alice: Member) -> None:
    send_mails(app)
    staff.act(f"/admin/users/{alice.id}/", "edit", username="alice", email="Alice@example.com")
    assert alice.is_logged_in()
    assert send_mails(app) == []


def test_saving_what_is_there_already_changes_nothing(app: Flask, staff: Member, alice: Member) -> None:
    before = events(app)
    staff.act(f"/admin/users/{alice.id}/", "edit", username="alice", email="alice@example.com")
    assert events(app) == before
    assert alice.is_logged_in()


@pytest.mark.requirement(32)
def test_staff_sends_a_reset_mail_and_knows_no_password(app: Flask, staff: Member, alice: Member) -> None:
    send_mails(app)
    page = staff.act(f"/admin/users/{alice.id}/", "send-reset").text
    assert "is on its way to alice@example.com" in page
    assert "password" not in staff.client.get(f"/admin/users/{alice.id}/action/edit/").text
    [mail] = send_mails(app)
    choose_password(app, link_in(mail))
    alice.log_in(password=NEW_PASSWORD)
    assert alice.is_logged_in()


def test_who_is_locked_out_is_out_at_once_and_gets_no_link(app: Flask, staff: Member, alice: Member) -> None:
    row = f"/admin/users/{alice.id}/"
    assert "alice@example.com is locked out." in staff.act(row, "deactivate").text
    assert not alice.is_logged_in()
    alice.log_in()
    assert not alice.is_logged_in()
    answer = staff.client.post(f"{row}action/send-reset/", data={"csrf_token": staff.token()})
    assert answer.status_code == 404
    assert "alice@example.com can log in again." in staff.act(row, "activate").text
    alice.log_in()
    assert alice.is_logged_in()


def test_a_role_is_given_and_taken_and_ends_the_sessions(app: Flask, staff: Member, alice: Member) -> None:
    row = f"/admin/users/{alice.id}/"
    for action, status in (("make-viewer", 200), ("make-staff", 200), ("make-user", 403)):
        staff.act(row, action)
        assert not alice.is_logged_in()
        alice.log_in()
        assert alice.client.get("/admin/users/").status_code == status
    assert events(app).count("role changed") == 3


def test_sessions_are_ended_all_or_one(app: Flask, staff: Member, alice: Member) -> None:
    [(session,)] = run_sql(app, f"SELECT id FROM login_sessions WHERE user_id = {alice.id}")
    assert "The session has ended." in staff.act(f"/admin/sessions/{session}/", "end").text
    assert not alice.is_logged_in()
    alice.log_in()
    assert "Ended sessions of alice@example.com: 1." in staff.act(f"/admin/users/{alice.id}/", "end-sessions").text
    assert not alice.is_logged_in()


def test_a_user_is_deleted_after_a_page_that_says_what_goes_too(app: Flask, staff: Member, alice: Member) -> None:
    row = f"/admin/users/{alice.id}/"
    staff.act(row, "edit", username="alice", email="alice@example.org")
    question = staff.client.get(f"{row}action/delete/").text
    for line in (
        "The account alice@example.org",
        "0 login sessions will end",
        "2 pending emails will not be sent",
        "1 sent or failed emails will be deleted",
        "3 audit events will lose their personal data",
    ):
        assert line in question
    assert "alice@example.org was deleted." in staff.act(row, "delete").text
    assert staff.client.get(row).status_code == 404
    finished = "failed_at IS NOT NULL OR done_at IS NOT NULL"
    assert run_sql(app, f"SELECT count(*) FROM outbox WHERE user_id = {alice.id} AND ({finished})") == [(0,)]
    assert [mail for mail in send_mails(app) if "alice" in mail.recipients[0]] == []
    kept = run_sql(app, f"SELECT email, ip_address, detail FROM audit_events WHERE user_id = {alice.id}")
    assert [any(row) for row in kept] == [False] * 3 + [True]  # the last one is that of the deletion
    assert run_sql(app, f"SELECT count(*) FROM login_sessions WHERE user_id = {alice.id}") == [(0,)]


@pytest.mark.requirement(32)
@pytest.mark.parametrize("action", ["deactivate", "make-viewer", "make-user", "delete"])
def test_the_last_active_member_of_staff_stays(app: Flask, staff: Member, action: str) -> None:
    other = Member(app, "lou", "staff")
    run_sql(app, f"UPDATE users SET is_active = false WHERE id = {other.id}")
    assert LAST_STAFF in staff.act(f"/admin/users/{staff.id}/", action).text
    assert staff.client.get("/admin/").status_code == 200
    run_sql(app, f"UPDATE users SET is_active = true WHERE id = {other.id}")
    assert LAST_STAFF not in staff.act(f"/admin/users/{staff.id}/", action).text
    assert staff.client.get("/admin/").status_code == 302


def test_an_account_that_is_gone_or_closed_is_left_alone(app: Flask, staff: Member, alice: Member) -> None:
    run_sql(app, f"UPDATE users SET is_active = false, closed_at = joined_at WHERE id = {alice.id}")
    page = staff.act(f"/admin/users/{alice.id}/", "activate").text
    assert "There is no such account: it was deleted, or its owner has closed it." in page
    assert run_sql(app, f"SELECT is_active FROM users WHERE id = {alice.id}") == [(0,)]


def test_failed_mails_are_tried_again_one_or_all(app: Flask, staff: Member, alice: Member) -> None:
    send_mails(app)
    bob = Member(app, "bob")
    run_sql(app, f"UPDATE outbox SET failed_at = created_at WHERE user_id = {bob.id}")
    listed = staff.client.get("/admin/emails/?state=failed").text
    assert links_of(listed) == ["Welcome", "Welcome"]
    assert "550 no" in listed
    [(key,)] = run_sql(app, f"SELECT id FROM outbox WHERE user_id = {alice.id}")
    row = uuid.UUID(key)
    assert "The email will be retried." in staff.act(f"/admin/emails/{row}/", "retry").text
    assert [mail.recipients[0] for mail in send_mails(app)] == ["alice@example.com"]
    assert "Emails that will be retried: 1." in staff.act("/admin/emails/", "retry-all").text
    assert [mail.recipients[0] for mail in send_mails(app)] == ["bob@example.com"]
    assert (
        staff.client.post(f"/admin/emails/{row}/action/retry/", data={"csrf_token": staff.token()}).status_code == 404
    )


def test_the_audit_trail_says_who_did_what_to_whom(app: Flask, staff: Member, alice: Member) -> None:
    staff.act(f"/admin/users/{alice.id}/", "make-viewer")
    page = staff.client.get("/admin/audit/?event=role changed").text
    assert page.count("<tr>") == 2
    for text in (f'href="/admin/users/{alice.id}/"', f'href="/admin/users/{staff.id}/"', "a***@example.com", "viewer"):
        assert text in page
    history = staff.client.get(f"/admin/users/{alice.id}/").text.partition("History")[2]
    assert [what in history for what in ("signed up", "logged in", "role changed")] == [True] * 3


def test_the_dashboard_draws_what_was_done(app: Flask, staff: Member, alice: Member) -> None:
    page = staff.client.get("/admin/").text
    assert "less than a minute" in page
    assert 'aria-label="Sign-ups per day: 2 in total, 2 at most"' in page
    assert 'aria-label="Emails failed per hour: 1 in total, 1 at most"' in page
    send_mails(app)
    page = staff.client.get("/admin/").text
    assert "No email is pending." in page
    assert 'aria-label="Emails sent per hour: 1 in total, 1 at most"' in page
    run_sql(app, "UPDATE outbox SET done_at = NULL, created_at = datetime(created_at, '-26 hours', '-3 minutes')")
    assert re.search(r"has waited for\s+1 d 2 h 3 min\.", staff.client.get("/admin/").text)


def test_lists_are_searched_filtered_sorted_and_paged_together(app: Flask, staff: Member) -> None:
    run_sql(
        app,
        "INSERT INTO users (username, username_key, email, email_key, password_hash, is_active, is_staff, joined_at)"
        " WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 250) SELECT 'u' || n, 'u' || n,"
        " printf('u%03d@example.com', n), printf('u%03d@example.com', n), '!', n % 2, 0, '2026-01-01' FROM n",
    )
    path, seen = "/admin/users/?q=U&active=yes&sort=email&staff=&confirmed=no", []
    for _ in range(2):
        page = staff.client.get(path).text
        seen += links_of(page)
        path = (re.findall(r'rel="next" href="([^"]+)"', page) or [""])[0].replace("&amp;", "&")
    expected = ["sue@example.com", *(f"u{n:03}@example.com" for n in range(1, 250, 2))]
    assert sorted(seen) == sorted(expected)
    assert path == ""
    unsorted = [links_of(staff.client.get(f"/admin/users/?page={number}").text) for number in (1, 2, 3)]
    assert [len(rows) for rows in unsorted] == [100, 100, 51]
    assert len({email for rows in unsorted for email in rows}) == 251  # 250 have one joined_at


@pytest.mark.parametrize(
    "query",
    [
        "name=x",
        "_scheme=javascript",
        "_external=1",
        "_anchor=x",
        "_method=POST",
        "endpoint=x",
        "page=-1",
        "page=x",
        "page=99999999999999999999",
        "sort=password_hash",
        "sort=--",
        "staff=maybe",
        "q=%00",
        "q=%FF",
        "q=%25_\\",
        "q=",
    ],
)
def test_no_argument_breaks_a_list(staff: Member, query: str) -> None:
    for name in ("users", "emails", "sessions", "audit"):
        page = staff.client.get(f"/admin/{name}/?{query}")
        assert page.status_code == 200, name
        assert "javascript" not in page.text


def test_no_page_shows_a_secret(app: Flask, staff: Member, alice: Member) -> None:
    hashes = run_sql(app, "SELECT password_hash FROM users UNION SELECT token_hash FROM login_sessions")
    [(session,)] = run_sql(app, f"SELECT id FROM login_sessions WHERE user_id = {alice.id}")
    for path in ("users/", f"users/{alice.id}/", "sessions/", f"sessions/{session}/"):
        page = staff.client.get(f"/admin/{path}").text
        assert not any(secret in page for (secret,) in hashes)


def test_no_page_takes_more_than_eight_queries(app: Flask, staff: Member, alice: Member) -> None:
    [(mail,)] = run_sql(app, f"SELECT id FROM outbox WHERE user_id = {alice.id}")
    row = f"users/{alice.id}/"
    paths = [
        "",
        "users/",
        row,
        f"{row}action/delete/",
        f"{row}action/edit/",
        "emails/",
        f"emails/{mail}/",
        "sessions/",
        "audit/",
    ]
    for path in paths:
        with count_queries(app) as statements:
            assert staff.client.get(f"/admin/{path}").status_code == 200
        assert 2 <= len([each for each in statements if each.startswith("SELECT")]) <= 8, (path, statements)
