"""Pages and actions of the admin that need nothing of their own: rows of any table are listed, changed and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from flaskcelery.admin import operations
from flaskcelery.admin.defaults import page_of
from flaskcelery.admin.pages import PAGES, USERS
from flaskcelery.admin.registry import action
from flaskcelery.database import db
from flaskcelery.users.accounts import NotStaff
from flaskcelery.users.models import LoginSession, RecoveryCode, User
from flaskcelery.web.forms import Form, datetime_field, row_field, text_field
from tests.conftest import run_sql
from tests.functional.conftest import Member
from tests.rows import add_row


@action("Rename")
def rename(actor: Member, session: LoginSession) -> str:
    operations.change_row(session, actor.id, device="renamed")
    return "It is renamed."


@action("Delete")
def delete(actor: Member, session: LoginSession) -> str:
    operations.delete_row(session, actor.id)
    return "It is deleted."


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
    page = page_of(LoginSession, name="devices", links={"user_id": USERS}, actions=(add, rename, delete))
    PAGES["devices"] = page
    yield f"/admin/devices/{add_row(app, LoginSession, alice.id)}/"
    del PAGES["devices"]


def last_event(app: Flask) -> object:
    return run_sql(app, "SELECT event, user_id, actor_name, detail FROM audit_events ORDER BY id DESC LIMIT 1")[0]


def test_a_page_lists_all_columns_of_a_model_and_sorts_by_those_with_an_index() -> None:
    page = page_of(LoginSession)
    assert (page.name, page.title, page.noun(1)) == ("login_sessions", "Login sessions", "login session")
    assert page.columns[:3] == ("token_hash", "created_at", "last_seen_at")
    assert page.columns[-1] == "user_id"
    assert page.sortable == ("token_hash", "last_seen_at", "expires_at")
    assert page.searchable == ("token_hash", "ip_address", "device", "user_id")
    assert page_of(RecoveryCode).sortable == ("id",)


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
