"""What helps the tests of a product: a form keeps what it shows, and what fails says why."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.outbox.tasks import TASKS, OutboxTask
from tests.conftest import send_emails
from tests.functional import counted
from tests.functional.conftest import Member
from tests.pages import fill_in, values_of

FORM = """
<form method="post" action="/other/"><input name="title" type="text" value="Other"></form>
<form method="post" action="/books/1/?next=/">
  <input name="csrf_token" type="hidden" value="token">
  <input name="title" type="text" value="War &amp; Peace"><input name="pages" type="number">
  <input name="is_read" type="checkbox" value="y"><input checked name="is_mine" type="checkbox" value="y">
  <select name="kind"><option value="a">A</option><option selected value="b">B</option></select>
  <select name="place"><option value="1">Here</option><option value="2">There</option></select>
  <textarea name="notes">\r\nOne &lt;b&gt;\n\nTwo</textarea><textarea name="empty">\r\n</textarea>
  <button type="submit">Save</button>
</form>
"""


def test_a_form_is_sent_as_a_browser_sends_it() -> None:
    assert values_of(FORM, "/books/1/") == {
        "csrf_token": "token",
        "title": "War & Peace",
        "pages": "",
        "is_mine": "y",
        "kind": "b",
        "place": "1",
        "notes": "One <b>\n\nTwo",
        "empty": "",
    }


def test_true_ticks_a_box_and_false_unticks_it() -> None:
    sent = fill_in(values_of(FORM, "/books/1/"), {"is_read": True, "is_mine": False, "title": ""})
    assert (sent["is_read"], "is_mine" in sent, sent["title"]) == ("y", False, "")


def test_a_task_that_raises_by_mistake_fails_the_test_unless_it_asks_for_it(
    app: Flask, alice: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TASKS, "send_password_reset_email", OutboxTask("send_password_reset_email", lambda **_: 1 / 0))
    alice.send("/accounts/password_reset/", email=alice.email)
    with pytest.raises(ZeroDivisionError):
        send_emails(app)
    alice.send("/accounts/password_reset/", email=alice.email)
    assert send_emails(app, raises=False) == []


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/admin/users/1/action/send-reset/", "The action send_reset enqueues send. Use staff.send_email,"),
        ("/accounts/me/username/", "account.submit_username enqueues send. Add @limit to the view,"),
    ],
)
def test_an_email_that_nothing_counts_is_told_what_can_count_it(app: Flask, path: str, hint: str) -> None:
    with app.test_request_context(path, method="POST"):
        assert counted.describe("send").startswith(hint)


def test_a_field_that_a_test_does_not_name_keeps_its_value(alice: Member, staff: Member) -> None:
    assert f"User {alice.id} is saved." in staff.act(f"/admin/users/{alice.id}/", "edit", username="alicia").text


def test_an_answer_that_fails_a_test_shows_the_errors_of_its_form(member: Member) -> None:
    assert repr(member.send("/accounts/me/username/", username="")) == "<200 OK; username: Enter a username.>"
    assert repr(member.client.get("/")) == "<200 OK>"


def test_an_action_has_the_name_of_its_function_and_a_wrong_one_is_told_the_others(
    alice: Member, staff: Member
) -> None:
    row = f"/admin/users/{alice.id}/"
    assert f"to user {alice.id}." in staff.act(row, "send_reset").text
    with pytest.raises(AssertionError, match=f"No action 'sendreset' on {row}; there are: edit, send-reset, "):
        staff.act(row, "sendreset")


@pytest.mark.parametrize("where", ["/admin/nothing/", "/admin/nothing/1/", "/admin/users/0/"])
def test_a_page_of_the_admin_that_is_not_there_is_told_where_to_add_it(staff: Member, where: str) -> None:
    with pytest.raises(AssertionError, match=f"{where} answers 404 NOT FOUND.*PAGES in .*admin/pages.py"):
        staff.act(where, "delete")
