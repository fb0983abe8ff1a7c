"""What staff do to an account, a session or an email by one button, and what the audit trail says of it."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from flask import Flask

from flaskcelery.admin import operations
from flaskcelery.admin.operations import set_active
from flaskcelery.users.accounts import Unproven
from tests.conftest import events, run_sql, send_emails
from tests.functional.conftest import Member
from tests.pages import links_of

LAST_STAFF = (
    "The last active member of staff cannot be demoted, locked out or deleted. Please appoint another one first."
)


def test_who_is_locked_out_is_out_at_once_and_gets_no_link(app: Flask, staff: Member, alice: Member) -> None:
    row = f"/admin/users/{alice.id}/"
    assert f"User {alice.id} is locked out." in staff.act(row, "deactivate").text
    assert not alice.is_logged_in()
    alice.log_in()
    assert not alice.is_logged_in()
    answer = staff.client.post(f"{row}action/send-reset/", data={"csrf_token": staff.token()})
    assert answer.status_code == 404
    assert f"User {alice.id} can log in again." in staff.act(row, "activate").text
    alice.log_in()
    assert alice.is_logged_in()


def test_beside_a_dangerous_button_is_its_note_or_else_its_first_consequence(staff: Member, alice: Member) -> None:
    texts = re.findall("<li><div>(.*?)</div>", staff.client.get(f"/admin/users/{alice.id}/").text)
    assert texts[0].startswith("The owner’s email gets a link to choose a password.")
    assert texts[1:] == [
        "The owner cannot log in until the account is unlocked.",
        "The account and its data are erased. This cannot be undone.",
    ]


def test_a_role_is_given_and_taken_and_ends_the_sessions(app: Flask, staff: Member, alice: Member) -> None:
    row = f"/admin/users/{alice.id}/"
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    for action, status in (("make-viewer", 200), ("make-staff", 200), ("make-user", 403)):
        staff.act(row, action)
        assert not alice.is_logged_in()
        alice.log_in()
        assert alice.client.get("/admin/users/").status_code == status
    assert events(app).count("role changed") == 3


@pytest.mark.requirement(85)
@pytest.mark.parametrize("action", ["make-viewer", "make-staff"])
def test_an_account_whose_email_is_not_confirmed_gets_no_role(
    app: Flask, staff: Member, alice: Member, action: str
) -> None:
    row = f"/admin/users/{alice.id}/"
    assert Unproven.message in staff.act(row, action).text
    assert alice.is_logged_in()
    assert run_sql(app, f"SELECT is_staff, is_viewer FROM users WHERE id = {alice.id}") == [(0, 0)]
    run_sql(app, f"UPDATE users SET email_confirmed_at = NULL, is_staff = true WHERE id = {alice.id}")
    staff.act(row, "make-user")  # an email that staff have changed
    assert run_sql(app, f"SELECT is_staff FROM users WHERE id = {alice.id}") == [(0,)]


def test_sessions_are_ended_all_or_one(app: Flask, staff: Member, alice: Member) -> None:
    [(session,)] = run_sql(app, f"SELECT id FROM login_sessions WHERE user_id = {alice.id}")
    assert "The session has ended." in staff.act(f"/admin/sessions/{session}/", "end").text
    assert not alice.is_logged_in()
    alice.log_in()
    assert f"Ended sessions of user {alice.id}: 1." in staff.act(f"/admin/users/{alice.id}/", "end-sessions").text
    assert not alice.is_logged_in()


def test_a_user_is_deleted_after_a_page_that_says_what_goes_too(app: Flask, staff: Member, alice: Member) -> None:
    row = f"/admin/users/{alice.id}/"
    staff.act(row, "edit", username="alice", email="alice@example.org")
    question = staff.client.get(f"{row}action/delete/").text
    for line in (
        "The account alice@example.org",
        "Pending emails that will not be sent: 1.",  # the new email has to be confirmed; the old one never was
        "Sent or failed emails that will be deleted: 1.",
        "Audit events that will lose their personal data: 3.",
    ):
        assert line in question
    assert f"User {alice.id} was deleted." in staff.act(row, "delete").text
    assert staff.client.get(row).status_code == 404
    finished = "failed_at IS NOT NULL OR done_at IS NOT NULL"
    assert run_sql(app, f"SELECT count(*) FROM outbox WHERE user_id = {alice.id} AND ({finished})") == [(0,)]
    assert [message for message in send_emails(app) if "alice" in message.recipients[0]] == []
    kept = run_sql(app, f"SELECT email, ip_address, detail FROM audit_events WHERE user_id = {alice.id}")
    assert [any(row) for row in kept] == [False] * 3 + [True]  # the last one is that of the deletion
    assert run_sql(app, f"SELECT count(*) FROM login_sessions WHERE user_id = {alice.id}") == [(0,)]


@pytest.mark.requirement(32)
@pytest.mark.parametrize("action", ["deactivate", "make-viewer", "make-user", "delete"])
def test_the_last_active_member_of_staff_stays(app: Flask, staff: Member, action: str) -> None:
    other = Member(app, "lou", "staff")
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    run_sql(app, f"UPDATE users SET is_active = false WHERE id = {other.id}")
    assert LAST_STAFF in staff.act(f"/admin/users/{staff.id}/", action).text
    assert staff.client.get("/admin/").status_code == 200
    run_sql(app, f"UPDATE users SET is_active = true WHERE id = {other.id}")
    assert LAST_STAFF not in staff.act(f"/admin/users/{staff.id}/", action).text
    assert staff.client.get("/admin/").status_code == 302


def test_an_account_that_its_owner_closes_meanwhile_is_left_alone(
    app: Flask, staff: Member, alice: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close_and_activate(*args: Any, **options: Any) -> None:
        run_sql(app, f"UPDATE users SET closed_at = joined_at WHERE id = {alice.id}")
        set_active(*args, **options)

    run_sql(app, f"UPDATE users SET is_active = false WHERE id = {alice.id}")
    monkeypatch.setattr(operations, "set_active", close_and_activate)
    page = staff.act(f"/admin/users/{alice.id}/", "activate").text
    assert "There is no such account: it was deleted, or its owner has closed it." in page
    assert run_sql(app, f"SELECT is_active FROM users WHERE id = {alice.id}") == [(0,)]


def test_only_what_can_be_done_is_offered(app: Flask, staff: Member, alice: Member) -> None:
    row = f"/admin/users/{alice.id}/"
    offered = ["edit", "send-reset", "make-staff", "make-viewer", "end-sessions", "give-back", "deactivate", "delete"]
    assert actions_of(staff, row) == offered
    staff.act(row, "end-sessions")
    assert actions_of(staff, row) == [each for each in offered if each != "end-sessions"]
    run_sql(app, f"UPDATE users SET is_active = false, closed_at = joined_at WHERE id = {alice.id}")
    assert actions_of(staff, row) == []
    assert actions_of(staff, "/admin/emails/") == ["retry-all"]
    run_sql(app, "UPDATE outbox SET failed_at = NULL")
    assert actions_of(staff, "/admin/emails/") == []
    assert staff.client.get("/admin/emails/action/retry-all/").status_code == 404


def actions_of(staff: Member, path: str) -> list[str]:
    """Return which actions a page offers."""
    return re.findall(rf'"{path}action/([a-z-]+)/"', staff.client.get(path).text)


@pytest.mark.parametrize(
    ("action", "consequence"),
    [
        ("make-staff", "Staff can see and change everything in the administration"),
        ("make-viewer", "Read-only staff can see everything"),
        ("end-sessions", "Login sessions that will end: 1."),
        ("deactivate", "The owner cannot log in until the account is unlocked."),
    ],
)
def test_what_touches_rights_or_sessions_asks_first(
    app: Flask, staff: Member, alice: Member, action: str, consequence: str
) -> None:
    path = f"/admin/users/{alice.id}/action/{action}/"
    assert f'action="{path}"' not in staff.client.get(f"/admin/users/{alice.id}/").text
    assert consequence in staff.client.get(path).text
    assert alice.is_logged_in()


def test_all_failed_emails_are_retried_after_a_page_that_says_how_many(staff: Member, alice: Member) -> None:
    assert "Failed emails that will be retried: 1." in staff.client.get("/admin/emails/action/retry-all/").text


def test_failed_emails_are_tried_again_one_or_all(app: Flask, staff: Member, alice: Member) -> None:
    send_emails(app)
    bob = Member(app, "bob")
    run_sql(app, f"UPDATE outbox SET failed_at = created_at WHERE user_id = {bob.id}")
    listed = staff.client.get("/admin/emails/?state=failed").text
    assert links_of(listed) == ["Welcome", "Welcome"]
    assert "550 no" in listed
    [(key,)] = run_sql(app, f"SELECT id FROM outbox WHERE user_id = {alice.id}")
    row = uuid.UUID(key)
    assert "The email will be retried." in staff.act(f"/admin/emails/{row}/", "retry").text
    assert [message.recipients[0] for message in send_emails(app)] == ["alice@example.com"]
    assert "Emails that will be retried: 1." in staff.act("/admin/emails/", "retry-all").text
    assert [message.recipients[0] for message in send_emails(app)] == ["bob@example.com"]
    assert (
        staff.client.post(f"/admin/emails/{row}/action/retry/", data={"csrf_token": staff.token()}).status_code == 404
    )


def test_the_audit_trail_says_who_did_what_to_whom(app: Flask, staff: Member, alice: Member) -> None:
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    staff.act(f"/admin/users/{alice.id}/", "make-viewer")
    page = staff.client.get("/admin/audit/?event=role changed").text
    assert page.count("<tr>") == 2
    for text in (f'href="/admin/users/{alice.id}/"', f'href="/admin/users/{staff.id}/"', "alice@example.com", "viewer"):
        assert text in page
    history = staff.client.get(f"/admin/users/{alice.id}/").text.rpartition("<section")[2]
    assert [what in history for what in ("signed up", "logged in", "role changed")] == [True] * 3
