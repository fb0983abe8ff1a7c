"""Pages and actions of the admin that need nothing of their own: rows of any table are listed, changed and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from flask import Flask, get_template_attribute
from sqlalchemy import select

from flaskcelery.admin import operations
from flaskcelery.admin.defaults import page_of
from flaskcelery.admin.pages import PAGES, USERS
from flaskcelery.admin.registry import action
from flaskcelery.database import db
from flaskcelery.users.accounts import NoAccount, NotStaff, Unproven
from flaskcelery.users.emails import send_email_taken_email
from flaskcelery.users.models import LoginSession, RecoveryCode, User
from flaskcelery.web.forms import Form, datetime_field, row_field, text_field
from flaskcelery.web.rate_limits import EMAILS_TO_ONE_RECIPIENT
from tests.conftest import run_sql, send_emails
from tests.functional.conftest import Member, add_member
from tests.rows import add_row


@action("Rename")
def rename(actor: Member, session: LoginSession) -> str:
    operations.change_row(session, actor.id, device="renamed")
    return "It is renamed."


@action("Delete")
def delete(actor: Member, session: LoginSession) -> str:
    operations.delete_row(session, actor.id)
    return "It is deleted."


@action("Tell the owner")
def tell(actor: Member, session: LoginSession) -> str:
    operations.send_email(send_email_taken_email, session.user_id, actor.id)
    return "It is on its way."


class SessionForm(Form):
    token_hash = text_field("Token", 64)
    user_id = row_field("User", lambda: select(User.id, User.username))
    expires_at = datetime_field("Expires (UTC)")


@action("Add", form=SessionForm, bulk=True)
def add(actor: Member, form: SessionForm) -> str:
    operations.add_row(LoginSession, form, actor.id, device="added")
    return "It is added."


@pytest.fixture
def devices(app: Flask, alice: Member) -> Iterator[str]:
    """Return the path of a row on a page that is listed as any table is."""
    page = page_of(LoginSession, name="devices", links={"user_id": USERS}, actions=(add, rename, delete, tell))
    PAGES["devices"] = page
    yield f"/admin/devices/{add_row(app, LoginSession, alice.id)}/"
    del PAGES["devices"]


def last_event(app: Flask) -> object:
    return run_sql(app, "SELECT event, user_id, actor_name, detail FROM audit_events ORDER BY id DESC LIMIT 1")[0]


def test_a_page_lists_all_columns_of_a_model_and_sorts_by_those_with_an_index() -> None:
    page = page_of(LoginSession)
    assert (page.name, page.title, page.noun(1)) == ("login_sessions", "Login sessions", "login session")
    assert page.columns[:3] == ("token_hash", "user_id", "created_at")
    assert page.sortable == ("token_hash", "last_seen_at", "expires_at")
    assert page.searchable == ("token_hash", "ip_address", "device", "user_id")
    assert page_of(RecoveryCode).sortable == ("id",)
    hidden = page_of(LoginSession, hidden=("token_hash", "device"))
    assert hidden.columns[:3] == ("created_at", "user_id", "last_seen_at")
    assert hidden.searchable == ("ip_address", "user_id")
    assert hidden.sortable == ("last_seen_at", "expires_at")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (["a", "<b>"], "a, &lt;b&gt;"),
        ([], '<span class="quiet">–</span>'),
        ({"a": 1}, "{&#39;a&#39;: 1}"),
        (date(2026, 1, 2), "<time>2026-01-02</time>"),
        (0, "0"),
    ],
)
def test_a_list_and_a_day_are_shown_in_a_table(app: Flask, value: object, cell: str) -> None:
    with app.test_request_context():
        assert str(get_template_attribute("admin/macros.html", "show_value")(value)) == cell


def test_a_row_is_named_by_its_first_column_of_any_type_or_by_its_id(
    monkeypatch: pytest.MonkeyPatch, staff: Member, devices: str
) -> None:
    for column in ("expires_at", "device", "is_remembered"):
        monkeypatch.setitem(PAGES, "devices", replace(PAGES["devices"], columns=(column,)))
        assert re.search(r"<a href=\"/admin/devices/\d+/\">[^<]+</a>", staff.client.get("/admin/devices/").text), column


def test_staff_change_and_delete_a_row_and_the_audit_trail_tells_it(
    app: Flask, staff: Member, alice: Member, devices: str
) -> None:
    assert "alice@example.com" in staff.client.get(devices).text
    key = devices.split("/")[3]
    staff.act(devices, "rename")
    assert run_sql(app, f"SELECT device FROM login_sessions WHERE id = {key}") == [("renamed",)]
    assert last_event(app) == ("row changed by staff", alice.id, "sue", f"login_sessions {key} device")
    staff.act(devices, "delete")
    assert run_sql(app, f"SELECT * FROM login_sessions WHERE id = {key}") == []
    assert last_event(app) == ("row deleted by staff", alice.id, "sue", f"login_sessions {key}")


def test_staff_add_a_row_and_the_audit_trail_tells_it_unless_the_database_refuses_it(
    app: Flask, staff: Member, alice: Member, devices: str
) -> None:
    assert f'<option value="{alice.id}">alice</option>' in staff.client.get("/admin/devices/action/add/").text
    fields = {"token_hash": "new", "user_id": str(alice.id), "expires_at": "2031-02-03T04:05"}
    staff.act("/admin/devices/", "add", **fields)
    added = "SELECT id, user_id, device, expires_at FROM login_sessions WHERE token_hash = 'new'"
    [(key, *values)] = run_sql(app, added)
    assert values == [alice.id, "added", "2031-02-03 04:05:00.000000"]
    event = ("row added by staff", alice.id, "sue", f"login_sessions {key}")
    assert last_event(app) == event
    assert "a value is taken" in staff.act("/admin/devices/", "add", **fields).text
    assert len(run_sql(app, added)) == 1
    assert last_event(app) == event


def test_staff_send_an_email_that_counts_and_the_audit_trail_tells_it(counting_app: Flask, devices: str) -> None:
    staff, owner = add_member(counting_app, "sue", "staff"), run_sql(counting_app, "SELECT id FROM users")[0][0]
    run_sql(counting_app, "UPDATE users SET email_confirmed_at = joined_at")
    most = EMAILS_TO_ONE_RECIPIENT[0]
    answers = [staff.act(devices, "tell").status_code for _ in range(most + 1)]
    assert answers == [*[200] * most, 429]
    assert [email.recipients for email in send_emails(counting_app)] == [["alice@example.com"]] * most
    assert last_event(counting_app) == ("email sent by staff", owner, "sue", "You already have an account")


def test_staff_send_no_email_to_a_closed_or_unconfirmed_account_and_others_send_none(
    app: Flask, staff: Member, alice: Member
) -> None:
    with app.test_request_context():
        with pytest.raises(NotStaff):
            operations.send_email(send_email_taken_email, staff.id, alice.id)
        with pytest.raises(Unproven):
            operations.send_email(send_email_taken_email, alice.id, staff.id)
        run_sql(app, f"UPDATE users SET closed_at = joined_at WHERE id = {alice.id}")
        with pytest.raises(NoAccount):
            operations.send_email(send_email_taken_email, alice.id, staff.id)
        with pytest.raises(NoAccount):
            operations.send_email(send_email_taken_email, 10**6, staff.id)
        db.session.remove()
    assert send_emails(app) == []


@pytest.mark.parametrize("change", [operations.delete_row, operations.change_row])
def test_a_row_that_is_gone_and_an_actor_who_is_no_staff_change_nothing(
    app: Flask, alice: Member, devices: str, change: object
) -> None:
    with app.app_context():
        row = PAGES["devices"].get_row(devices.split("/")[3])
        db.session.expunge_all()
        with pytest.raises(NotStaff):
            change(row, alice.id)
    before = run_sql(app, "SELECT * FROM login_sessions")
    assert len(before) == 2
    run_sql(app, f"DELETE FROM login_sessions WHERE id = {devices.split('/')[3]}")
    with app.app_context(), pytest.raises(operations.RowGone):
        change(row, alice.id)


def test_what_the_database_refuses_is_said_and_neither_saved_nor_logged(
    app: Flask, staff: Member, caplog: pytest.LogCaptureFixture
) -> None:
    alice = Member(app, "alice")
    with app.app_context():
        user = db.session.get_one(User, alice.id)
        with pytest.raises(operations.RowRefused):
            operations.change_row(user, staff.id, username_key="sue")
    assert run_sql(app, f"SELECT username_key FROM users WHERE id = {alice.id}") == [("alice",)]
    assert run_sql(app, "SELECT count(*) FROM audit_events WHERE event = 'row changed by staff'") == [(0,)]
    assert "row changed by staff" not in caplog.text
