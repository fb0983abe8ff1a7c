"""What helps the tests of a product: a form keeps what it shows, and what fails says why."""

from __future__ import annotations

import pytest

from tests.functional.conftest import Member
from tests.pages import values_of

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
