"""The admin's lists and dashboard: what they show, find, sort and hide."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event

from flaskcelery.database import db
from tests.conftest import run_sql, send_emails
from tests.functional.conftest import Member
from tests.pages import links_of


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


def test_the_dashboard_draws_what_was_done(app: Flask, staff: Member, alice: Member) -> None:
    run_sql(app, f"UPDATE outbox SET done_at = NULL, due_at = created_at WHERE user_id = {staff.id}")
    page = staff.client.get("/admin/").text
    assert read_tiles(page) == [
        ("/admin/users/", "Users", "2", "2 new in 30 days"),
        ("/admin/emails/?state=sent", "Emails sent", "0", "in 48 hours"),
        ("/admin/emails/?state=pending&sort=created_at", "Emails pending", "1", "oldest: just now"),
        ("/admin/emails/?state=failed", "Emails failed", "1", "1 in 48 hours"),
    ]
    assert 'aria-label="Sign-ups per day: 2 in 30 days, peak 2 per day"' in page
    assert '<svg class="chart bad"' in page
    assert 'aria-label="Emails failed per hour: 1 in 48 hours, peak 1 per hour"' in page
    send_emails(app)
    run_sql(app, "UPDATE outbox SET failed_at = NULL WHERE done_at IS NULL")
    page = staff.client.get("/admin/").text
    assert 'aria-label="Emails sent per hour: 1 in 48 hours, peak 1 per hour"' in page
    assert "None in 48 hours" in page
    run_sql(app, "UPDATE outbox SET done_at = NULL, created_at = datetime(created_at, '-26 hours', '-3 minutes')")
    assert read_tiles(staff.client.get("/admin/").text)[2][2:] == ("2", "oldest: 1 day ago")


def test_both_charts_of_emails_have_one_scale(app: Flask, staff: Member, alice: Member) -> None:
    send_emails(app)
    [(email,)] = run_sql(app, f"SELECT id FROM outbox WHERE user_id = {alice.id}")
    run_sql(app, f"UPDATE outbox SET done_at = created_at, failed_at = NULL WHERE id != '{email}'")
    run_sql(app, f"UPDATE outbox SET done_at = NULL, failed_at = created_at WHERE id = '{email}'")
    columns = "id, task, args, user_id, created_at, due_at, expires_at, attempts, domain, error"
    for _ in range(3):
        run_sql(
            app,
            f"INSERT INTO outbox ({columns}, done_at) SELECT lower(hex(randomblob(16))), "
            f"{columns.partition(', ')[2]}, done_at FROM outbox WHERE done_at IS NOT NULL LIMIT 1",
        )
    heads = re.findall(r"<small>(\d+)</small>\s*<svg", staff.client.get("/admin/").text)
    assert heads[1:] == ["4", "4"]


def read_tiles(page: str) -> list[tuple[str, ...]]:
    """Return where each tile of the dashboard leads to, and what it says."""
    found = re.findall(
        r'<a class="tile[^"]*" href="([^"]+)"><span[^>]*>(.*?)</span> <b>(.*?)</b> <small>(.*?)</small></a>', page
    )
    return [tuple(html.unescape(text) for text in tile) for tile in found]


def test_lists_are_searched_filtered_sorted_and_paged_together(app: Flask, staff: Member) -> None:
    run_sql(
        app,
        "INSERT INTO users (username, username_key, email, email_key, password_hash, is_active, is_staff, joined_at)"
        " WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 250) SELECT 'u' || n, 'u' || n,"
        " printf('u%03d@example.com', n), printf('u%03d@example.com', n), '!', n % 2, 0, '2026-01-01' FROM n",
    )
    path, seen = "/admin/users/?q=U&state=unconfirmed&sort=email&role=", []
    for _ in range(3):
        page = staff.client.get(path).text
        seen += links_of(page)
        path = (re.findall(r'rel="next" href="([^"]+)"', page) or [""])[0].replace("&amp;", "&")
    assert seen == [f"u{n:03}@example.com" for n in range(1, 250, 2)]  # without "sue", whose email is confirmed
    assert path == ""
    assert "125 users, page 3 of 3." in page
    unsorted = [links_of(staff.client.get(f"/admin/users/?page={number}").text) for number in range(1, 7)]
    assert [len(rows) for rows in unsorted] == [50, 50, 50, 50, 50, 1]
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
        "state=maybe",
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
    [(email,)] = run_sql(app, f"SELECT id FROM outbox WHERE user_id = {alice.id}")
    row = f"users/{alice.id}/"
    paths = [
        "",
        "users/",
        row,
        f"{row}action/delete/",
        f"{row}action/edit/",
        "emails/",
        "jobs/",
        f"emails/{email}/",
        "sessions/",
        "audit/",
    ]
    for path in paths:
        with count_queries(app) as statements:
            assert staff.client.get(f"/admin/{path}").status_code == 200
        assert 2 <= len([each for each in statements if each.startswith("SELECT")]) <= 8, (path, statements)
