"""What limits staff: short sessions, roles checked with the action, names in the trail, no emails in cookies."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask, Response, request_finished

from flaskcelery.admin.pages import PAGES
from flaskcelery.database import db
from flaskcelery.errors import UserFacingError
from flaskcelery.users.accounts import NotStaff
from flaskcelery.users.models import User
from tests.conftest import PASSWORD, Browser, run_sql, send_emails
from tests.functional.conftest import Member
from tests.functional.test_admin_access import rows_of
from tests.rows import fill_in

AGO = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{}')"
STARTER = {"users", "emails", "jobs", "sessions", "audit"}  # pages whose actions refuse nothing else here
ACTIONS = [(page.name, action.name) for page in PAGES.values() for action in page.actions]
# A state of the account in which an action that has one precondition is possible.
BEFORE = {"activate": "is_active = 0", "make_user": "is_viewer = 1", "reset-two-factor": "totp_secret = 'x'"}


@pytest.mark.requirement(66)
@pytest.mark.parametrize("role", ["staff", "viewer"])
def test_staff_are_never_remembered(app: Flask, role: str) -> None:
    member = Member(app, "sue", role)
    member.log_in(member.email, remember="y")
    assert member.client.get_cookie("session").expires is None
    assert run_sql(app, "SELECT is_remembered, expires_at - created_at < 15 FROM login_sessions") == [(0, 1)]
    run_sql(app, f"UPDATE login_sessions SET last_seen_at = {AGO.format('13 hours')}")
    assert not member.is_logged_in()


@pytest.mark.requirement(66)
def test_who_becomes_staff_is_not_remembered_from_before(app: Flask, staff: Member) -> None:
    alice = Member(app, "alice")
    alice.log_in(alice.email, remember="y")
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    staff.act(f"/admin/users/{alice.id}/", "make-staff")
    assert not alice.is_logged_in()


@pytest.mark.requirement(66)
def test_nor_is_who_becomes_staff_in_the_moment_of_the_login(
    app: Flask, auth: Browser, change_meanwhile: Callable[[str], None]
) -> None:
    auth.sign_up()
    change_meanwhile("UPDATE users SET is_staff = 1")
    assert auth.log_in(remember="y").status_code == 302
    assert run_sql(app, "SELECT is_remembered FROM login_sessions") == [(0,)]


@pytest.mark.requirement(67)
def test_the_trail_names_a_member_of_staff_whose_account_is_gone(app: Flask, staff: Member) -> None:
    alice, bob = Member(app, "alice"), Member(app, "bob", "staff")
    bob.act(f"/admin/users/{alice.id}/", "deactivate")
    assert bob.send("/accounts/me/delete/", password=PASSWORD).status_code == 302
    send_emails(app)
    app.test_cli_runner().invoke(args=["outbox", "purge"])
    assert run_sql(app, "SELECT username FROM users ORDER BY id") == [("sue",), ("alice",)]
    named = run_sql(app, "SELECT actor_id, actor_name FROM audit_events WHERE event = 'deactivated'")
    assert named == [(bob.id, "bob")]
    assert "bob" in staff.client.get("/admin/audit/?event=deactivated").text


@pytest.mark.requirement(68)
@pytest.mark.parametrize("which", ACTIONS, ids="-".join)
@pytest.mark.parametrize("change", ["is_staff = 0", "is_active = 0"])
def test_an_action_does_nothing_for_who_is_no_longer_staff(
    app: Flask, staff: Member, alice: Member, which: tuple[str, str], change: str
) -> None:
    """The guard of the pages let them in, then they were demoted: the action itself calls get_actor()."""
    page, name = which
    run_sql(app, f"UPDATE users SET {BEFORE.get(name, 'is_active = 1')} WHERE id = {alice.id}")
    run_sql(app, "UPDATE outbox SET failed_at = created_at")
    action = next(each for each in PAGES[page].actions if each.name == name)
    with app.test_request_context(f"/admin/{page}/action/{name}/"):
        actor = db.session.get_one(User, staff.id)
        row = db.session.scalars(db.select(PAGES[page].model).order_by(PAGES[page].key.desc())).first()
        if page == "users":
            row = db.session.get_one(User, alice.id)
        form = fill_in(action.form(obj=row)) if action.form else None
        db.session.expunge_all()
        db.session.rollback()
        run_sql(app, f"UPDATE users SET {change} WHERE id = {staff.id}")
        before = rows_of(app)
        with pytest.raises(NotStaff if page in STARTER else UserFacingError):
            action.run(actor, *([] if action.bulk else [row]), *([form] if form else []))
        db.session.remove()
    assert rows_of(app) == before


@pytest.mark.requirement(69)
def test_a_logout_clears_what_the_browser_keeps_but_no_message(logged_in: Browser) -> None:
    header = logged_in.log_out().headers["Clear-Site-Data"]
    assert header == '"cache", "storage"'
    assert "Clear-Site-Data" not in logged_in.client.get("/accounts/login/").headers
    logged_in.log_in()
    answer = logged_in.send("/accounts/me/delete/", password=PASSWORD)
    assert answer.headers["Clear-Site-Data"] == header
    assert "Your account is deleted. Goodbye!" in logged_in.client.get("/").text


@pytest.fixture
def cookies(app: Flask) -> Iterator[list[str]]:
    """Return what the session cookies hold that the application sets from here on."""
    held: list[str] = []
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]

    def read(_app: Flask, response: Response) -> None:
        values = [header.partition("=")[2].partition(";")[0] for header in response.headers.getlist("Set-Cookie")]
        held.extend(repr(serializer.loads(value)) for value in values if value)

    with request_finished.connected_to(read, app):
        yield held


@pytest.mark.requirement(70)
@pytest.mark.parametrize("action", ["edit", "send-reset", "deactivate", "make-staff", "end-sessions", "delete"])
def test_no_message_puts_an_email_into_the_cookie(app: Flask, staff: Member, cookies: list[str], action: str) -> None:
    alice = Member(app, "alice")
    cookies.clear()  # her own sign-up
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    fields = {"username": "alicia", "email": "alicia@example.com"} if action == "edit" else {}
    assert f"user {alice.id}" in staff.act(f"/admin/users/{alice.id}/", action, **fields).text.lower()
    assert any(f"user {alice.id}" in text.lower() for text in cookies)
    assert [text for text in cookies if "example.com" in text] == []


@pytest.mark.requirement(70)
def test_nor_does_adding_a_user(staff: Member, cookies: list[str]) -> None:
    staff.act("/admin/users/", "add", username="bob", email="bob@example.com")
    assert any("was added" in text for text in cookies)
    assert [text for text in cookies if "example.com" in text] == []
