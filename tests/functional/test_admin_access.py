"""Access to the admin: every route, page, action and method as every role, so that none can be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select, true

from flaskcelery.admin.pages import PAGES
from flaskcelery.admin.registry import Page
from flaskcelery.database import db
from flaskcelery.outbox.models import OutboxRow
from tests import rows
from tests.conftest import run_sql
from tests.functional.conftest import Member
from tests.pages import find_csrf_token

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
LOOKING = {"GET", "HEAD"}
LOG_IN = "/accounts/login/"


def find_paths(app: Flask) -> Iterator[tuple[str, set[str], bool]]:
    """Return the path of every route for every page, row and action, its methods, and whether it is an action."""
    row_ids = {page.name: find_row(app, page) for page in PAGES.values()}
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("admin."):
            continue
        for page in PAGES.values() if "name" in rule.arguments else [None]:
            bulk = "row_id" not in rule.arguments
            actions = (
                [action.name for action in page.actions if action.bulk is bulk] if "action" in rule.arguments else [""]
            )
            for action in actions:
                values = {"name": page and page.name, "row_id": page and row_ids[page.name], "action": action}
                _, path = rule.build({name: values[name] for name in rule.arguments})
                yield path, rule.methods, bool(action)


def find_row(app: Flask, page: Page) -> object:
    """Return the ID of a row of the page's model; of the emails, one that has failed."""
    with app.app_context():
        where = OutboxRow.failed_at.is_not(None) if page.model is OutboxRow else true()
        return db.session.scalar(select(page.key).where(where).order_by(page.key.desc()))


def rows_of(app: Flask) -> list[object]:
    """Return all that the database holds, but when a session was seen last."""
    tables = {page.model.__tablename__: page.key.name for page in PAGES.values()}
    return [run_sql(app, f"SELECT * FROM {table} ORDER BY {key}") for table, key in tables.items()]


@pytest.fixture
def locked_out(app: Flask) -> Member:
    """Return a member of staff who was locked out behind our back, with a cookie that was good."""
    member = Member(app, "lou", "staff")
    run_sql(app, f"UPDATE users SET is_active = false WHERE id = {member.id}")
    return member


@pytest.mark.requirement(31)
@pytest.mark.parametrize("who", ["visitor", "locked_out", "alice", "viewer", "staff"])
def test_every_page_and_action_opens_only_to_its_roles(
    app: Flask, who: str, alice: Member, request: pytest.FixtureRequest
) -> None:
    client = app.test_client() if who == "visitor" else request.getfixturevalue(who).client
    page = client.get(LOG_IN, follow_redirects=True).text
    token = find_csrf_token(page)
    before = rows_of(app)
    paths = list(find_paths(app))
    assert len(paths) > 20
    for path, methods, actions in paths:
        for method in METHODS:
            if who == "staff" and method == "POST":
                continue  # that is what the other tests are about
            answer = client.open(path, method=method, data={"csrf_token": token})
            where = f"{method} {path} as {who}: {answer.status}. {rows.HINT if answer.status_code == 500 else ''}"
            if method not in methods:
                assert answer.status_code == 405, where
            elif who in {"visitor", "locked_out"}:
                assert answer.status_code == 302, where
                assert answer.location.partition("?")[0] == LOG_IN, where
            elif who == "staff":
                assert answer.status_code in ({200, 404, 405} if actions else {200}), where
            else:
                may = who == "viewer" and method in LOOKING and not actions
                assert answer.status_code == (200 if may else 403), where
    assert rows_of(app) == before


@pytest.mark.parametrize("who", ["visitor", "alice", "viewer"])
@pytest.mark.parametrize(
    "path",
    [
        "/admin",
        "/ADMIN/users/",
        "//admin/users/",
        "/admin//users/",
        "/admin/users",
        "/admin/./users/",
        "/admin/../admin/users/",
        "/accounts/../admin/users/",
        "/admin/%2e%2e/admin/users/",
        "/%61dmin/users/",
        "/admin;/users/",
        "/admin/users/1",
        "/admin/users/1/action/delete",
        "/admin/users/1/../1/action/delete/",
        "/admin/users//1/action/delete/",
        "/admin/users/ACT/add/",
        "/admin/users/action/add",
    ],
)
def test_no_spelling_of_a_path_opens_what_is_closed(
    app: Flask, request: pytest.FixtureRequest, who: str, path: str
) -> None:
    client = app.test_client() if who == "visitor" else request.getfixturevalue(who).client
    may_look = who == "viewer" and "action" not in path.lower()
    for method in ("GET", "POST"):
        answer = client.open(path, method=method, follow_redirects=True)
        is_log_in = answer.request.path == LOG_IN
        allowed = {400, 403, 404, 405} | ({200} if is_log_in or may_look else set())
        assert answer.status_code in allowed, method


@pytest.mark.parametrize("token", ["none", "empty", "nonsense", "of another browser", "only in the address"])
def test_no_action_runs_without_its_own_token(app: Flask, staff: Member, alice: Member, token: str) -> None:
    tokens = {"empty": "", "nonsense": "x", "of another browser": alice.token()}
    data = {"csrf_token": tokens[token]} if token in tokens else {}
    query = f"?csrf_token={quote(staff.token())}" if token == "only in the address" else ""
    before = rows_of(app)
    for path, _, actions in find_paths(app):
        if actions:
            fields = {"username": "mallory", "email": "mallory@example.com"}
            assert staff.client.post(path + query, data={**data, **fields}).status_code == 400, path
    assert rows_of(app) == before


def test_no_action_runs_for_another_site(app: Flask, staff: Member, alice: Member) -> None:
    before, token = rows_of(app), staff.token()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path, _, actions in find_paths(app):
            if actions:
                assert staff.client.post(path, data={"csrf_token": token}, headers=headers).status_code == 403
    assert rows_of(app) == before


def test_read_only_staff_sees_no_button(app: Flask, viewer: Member, alice: Member) -> None:
    for path, _, actions in find_paths(app):
        if not actions:
            main = viewer.client.get(path).text.partition("<main")[2]
            assert "/action/" not in main, path
            assert 'method="post"' not in main, path


@pytest.mark.parametrize(
    "path",
    [
        "/admin/nothing/",
        "/admin/users/0/",
        "/admin/users/x/",
        "/admin/users/99999999999999999999/",
        "/admin/emails/1/",
        "/admin/users/1/action/nothing/",
        "/admin/users/1/action/add/",
        "/admin/users/action/delete/",
        "/admin/users/%00/",
    ],
)
def test_what_is_not_there_is_not_found(staff: Member, path: str) -> None:
    assert staff.client.get(path).status_code == 404
    assert staff.client.post(path, data={"csrf_token": staff.token()}).status_code in {404, 405}


def test_the_link_to_the_pages_is_for_staff(staff: Member, viewer: Member, alice: Member) -> None:
    shown = ['href="/admin/"' in member.client.get("/").text for member in (staff, viewer, alice)]
    assert shown == [True, True, False]
