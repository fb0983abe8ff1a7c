"""The admin's lists show people, not numbers: whom a row is about, how many there are, and what to do about none."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask

from flaskcelery.admin import registry, tables
from flaskcelery.admin.pages import PAGES
from tests.conftest import run_sql
from tests.functional.conftest import Member
from tests.functional.test_admin_lists import count_queries
from tests.pages import links_of
from tests.properties.test_admin_strings import fill

LISTS = ["users", "emails", "sessions", "audit"]


def read_cells(page: str, row: int = 0) -> list[str]:
    """Return what the cells of a row of the list say."""
    cells = page.partition("<tbody>")[2].partition("</table>")[0].split("<tr>")[1 + row].split("<td>")[1:]
    return [unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in cells]


def read_text(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", "", page.partition("<main")[2])).split())


@pytest.mark.parametrize("name", ["emails", "sessions", "audit"])
def test_a_row_names_its_user_by_email_and_is_found_by_it(app: Flask, staff: Member, alice: Member, name: str) -> None:
    assert links_of(staff.client.get(f"/admin/{name}/?q=nobody").text) == []
    for typed in ("alice@example.com", "ALICE@", "alice"):
        page = staff.client.get(f"/admin/{name}/?q={typed}").text
        assert f'<a href="/admin/users/{alice.id}/">alice@example.com</a>' in page
        assert "sue@example.com</a>" not in page


def test_the_audit_trail_is_searched_by_the_member_of_staff_too(app: Flask, staff: Member, alice: Member) -> None:
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    staff.act(f"/admin/users/{alice.id}/", "make-viewer")
    page = staff.client.get("/admin/audit/?q=sue@example.com&event=role changed").text
    assert read_cells(page)[:3] == ["role changed", "alice@example.com", "sue@example.com"]


@pytest.mark.parametrize("name", ["sessions", "audit"])
def test_an_ip_address_is_found(app: Flask, staff: Member, alice: Member, name: str) -> None:
    table = {"sessions": "login_sessions", "audit": "audit_events"}[name]
    run_sql(app, f"UPDATE {table} SET ip_address = '2001:db8::7' WHERE user_id = {alice.id}")
    page = staff.client.get(f"/admin/{name}/?q=2001:db8::7").text
    assert "2001:db8::7</td>" in page
    assert "127.0.0.1</td>" not in page


def test_an_event_of_an_account_that_is_gone_says_so(app: Flask, staff: Member, alice: Member) -> None:
    staff.act(f"/admin/users/{alice.id}/", "delete")
    assert read_cells(staff.client.get("/admin/audit/").text)[1] == f"{alice.id} (deleted)"


def test_an_event_without_an_account_shows_the_masked_email(app: Flask, staff: Member) -> None:
    run_sql(app, "UPDATE audit_events SET user_id = NULL, email = 'n***@example.com'")
    assert read_cells(staff.client.get("/admin/audit/").text)[1] == "n***@example.com"


@pytest.mark.parametrize("name", LISTS)
def test_the_queries_of_a_list_do_not_grow_with_its_rows(app: Flask, staff: Member, name: str) -> None:
    counts = []
    for first in (0, 60):
        fill(app, ["text"] * 60, first)
        with count_queries(app) as statements:
            assert len(links_of(staff.client.get(f"/admin/{name}/").text)) == 50
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 7  # with BEGIN


STATES = {
    ("active", "user"): "email_confirmed_at = joined_at",
    ("unconfirmed", "user"): "email_confirmed_at = NULL",
    ("locked out", "read-only"): "is_active = false, is_viewer = true",
    ("closed", "user"): "is_active = false, closed_at = joined_at",
    ("active", "staff"): "is_staff = true, email_confirmed_at = joined_at",
}


@pytest.mark.parametrize("expected", STATES)
def test_a_user_has_one_state_and_one_role_and_is_found_by_both(
    app: Flask, staff: Member, alice: Member, expected: tuple[str, str]
) -> None:
    run_sql(app, f"UPDATE users SET {STATES[expected]} WHERE id = {alice.id}")
    assert read_cells(staff.client.get("/admin/users/?q=alice").text)[:3] == ["alice@example.com", *expected]
    for name, right in zip(("state", "role"), expected, strict=True):
        found = [
            choice
            for choice in PAGES["users"].filters[name]
            if links_of(staff.client.get(f"/admin/users/?q=alice&{name}={choice}").text)
        ]
        assert found == [right]


def test_the_total_is_shown_and_counted_only_up_to_a_limit(
    app: Flask, staff: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "1 user." in read_text(staff.client.get("/admin/users/").text)
    fill(app, ["text"] * 119)
    assert "120 users, page 1 of 3." in read_text(staff.client.get("/admin/users/").text)
    assert "120 users, page 3 of 3." in read_text(staff.client.get("/admin/users/?page=9").text)
    monkeypatch.setattr(registry, "MAX_TOTAL", 100)
    monkeypatch.setattr(tables, "MAX_TOTAL", 100)
    monkeypatch.setattr(registry, "LAST_PAGE", 2)
    monkeypatch.setattr(tables, "LAST_PAGE", 2)
    with count_queries(app) as statements:
        assert "100+ users, page 2 of 2." in read_text(staff.client.get("/admin/users/?page=2").text)
    assert any("count(*)" in each and "LIMIT" in each for each in statements)


def test_a_search_without_a_match_says_so_and_can_be_cleared(staff: Member) -> None:
    page = staff.client.get("/admin/users/?q=zzz&sort=email").text
    assert "“<bdi>zzz</bdi>”" in page
    assert '<a href="/admin/users/?sort=email">' in page
    clear = '<a href="/admin/{}/?sort=-{}">'
    page = staff.client.get("/admin/sessions/?still_logged_in=no").text
    assert ("<table" in page, clear.format("sessions", "last_seen_at") in page) == (False, True)
    page = staff.client.get("/admin/emails/?q=sue").text
    assert "1 email." in read_text(page)
    assert clear.format("emails", "created_at") in page
    assert clear.format("emails", "created_at") not in staff.client.get("/admin/emails/").text


def test_an_empty_list_says_so(app: Flask, staff: Member) -> None:
    run_sql(app, "DELETE FROM outbox")
    page = staff.client.get("/admin/emails/").text
    assert re.search(r'<p class="quiet">\s*\w[^<]+', page)
    assert "<table" not in page


def test_titles_name_the_row_and_the_action(app: Flask, staff: Member, alice: Member) -> None:
    row = f"/admin/users/{alice.id}/"
    for path, title in (
        ("/admin/users/", "Users"),
        (row, "alice@example.com, Users"),
        (f"{row}action/edit/", "Edit: alice@example.com, Users"),
        ("/admin/users/action/add/", "Add a user, Users"),
    ):
        assert f"<title>{title} | " in staff.client.get(path).text
    refused = staff.act("/admin/users/", "add", username="bob", email="").text
    assert re.search(r"<title>\w+: Add a user, Users \| ", refused)
    assert re.search(r'<input[^>]* autofocus[^>]* name="email"', refused)


def test_the_sorted_column_says_its_direction(staff: Member) -> None:
    heads = re.findall(
        r'<th scope="col"( aria-sort="\w+")?>\s*<a [^>]*>([^<]*)', staff.client.get("/admin/users/").text
    )
    assert heads == [("", "Email"), ("", "Username"), (' aria-sort="descending"', "Joined (UTC)")]
    assert 'aria-sort="ascending"' in staff.client.get("/admin/users/?sort=email").text


def test_times_of_a_row_are_exact_and_relative_both_ways(app: Flask, staff: Member) -> None:
    [(session,)] = run_sql(app, "SELECT id FROM login_sessions")
    text = read_text(staff.client.get(f"/admin/sessions/{session}/").text)
    assert re.search(r"Last seen \(UTC\) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(just now\)", text)
    assert re.search(r"Expires \(UTC\) \S+ \S+ \(in 13 days\)", text)


def test_a_row_shows_empty_values_only_on_request_and_its_tags_once(staff: Member, alice: Member) -> None:
    shown, _, empty = staff.client.get(f"/admin/users/{alice.id}/").text.partition("<details>")
    assert re.findall("<dt>(.*?)</dt>", shown)[:3] == ["Role", "Username", "Joined (UTC)"]
    assert "Closed (UTC)" in empty
    assert shown.count("unconfirmed") == 1


def test_a_list_shows_the_beginning_of_a_long_error_and_the_row_all_of_it(app: Flask, staff: Member) -> None:
    error = "550 5.7.1 " + "refused " * 12 + "in the end"
    run_sql(app, f"UPDATE outbox SET error = '{error}'")
    [(email,)] = run_sql(app, "SELECT id FROM outbox")
    listed = read_cells(staff.client.get("/admin/emails/").text)[-1]
    assert listed.startswith("550 5.7.1 refused")
    assert len(listed) <= 80
    assert error in staff.client.get(f"/admin/emails/{email}/").text


def test_an_email_without_an_account_says_so(app: Flask, staff: Member) -> None:
    run_sql(app, "UPDATE outbox SET user_id = NULL")
    assert read_cells(staff.client.get("/admin/emails/").text)[2] == "no account"


def test_a_user_without_events_has_no_table_of_them(app: Flask, staff: Member, alice: Member) -> None:
    run_sql(app, "DELETE FROM audit_events")
    history = staff.client.get(f"/admin/users/{alice.id}/").text.rpartition("<section")[2]
    assert ('<p class="quiet">' in history, "<table" in history) == (True, False)
