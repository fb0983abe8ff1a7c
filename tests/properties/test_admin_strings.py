"""Whatever texts the database contains, the admin pages have the same elements as with harmless ones."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask, get_template_attribute
from sqlalchemy import delete, select

from flaskcelery.admin.pages import PAGES
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import db, now_plus
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.users.models import LoginSession, User
from tests.conftest import run_sql
from tests.elements import elements_of
from tests.functional.conftest import Member
from tests.properties.test_naughty_strings import TEXTS

NAUGHTY = [*TEXTS, "{{ 7*7 }}", "{% raw %}", "<svg/onload=alert(1)>", '" onmouseover="alert(1)', "javascript:alert(1)"]
FIRST = 1000


def make_rows(number: int, text: str) -> list[Any]:
    """Return a row of every page with the text wherever the database takes one; the keys are what it keeps unique."""
    key, later, many = f"key {number}", now_plus(99), dict.fromkeys
    names = many(("username", "email", "pending_email", "previous_email"), text)
    email = {"args": {"user_id": text}, "expires_at": later, "failed_at": later, "user_id": FIRST + number}
    session = {"token_hash": key, "user_id": FIRST + number, "expires_at": later}
    return [
        User(id=FIRST + number, username_key=key, email_key=key, password_hash="!", **names),
        LoginSession(id=FIRST + number, **session, **many(("ip_address", "device"), text)),
        OutboxRow(id=uuid.UUID(int=number), **email, **many(("task", "error"), text)),
        AuditEvent(
            id=FIRST + number, user_id=1, **many(("event", "email", "ip_address", "request_id", "detail"), text)
        ),
    ]


def fill(app: Flask, texts: list[str], first: int = 0) -> None:
    """Add the rows of each text."""
    with app.app_context():
        for number, text in enumerate(texts, first):
            user, *rest = make_rows(number, text)
            db.session.add(user)
            db.session.flush()
            db.session.add_all(rest)
        db.session.commit()
        db.session.remove()


def forget_rows(app: Flask) -> None:
    """Delete all rows but those of the member of staff."""
    with app.app_context():
        for model in (LoginSession, OutboxRow, AuditEvent, User):
            db.session.execute(delete(model).where(model.id != 1) if model is not OutboxRow else delete(model))
        db.session.commit()


def paths_of(number: int) -> list[str]:
    """Return where the rows of one text are shown by themselves."""
    user = f"users/{FIRST + number}/"
    actions = [f"{user}action/edit/", f"{user}action/delete/"]
    return [
        user,
        *actions,
        f"sessions/{FIRST + number}/",
        f"emails/{uuid.UUID(int=number)}/",
        f"audit/{FIRST + number}/",
    ]


def lists_of(count: int) -> list[str]:
    """Return the pages of the lists, which show so many rows."""
    pages = range(1, count // 100 + 2)
    return [f"{name}/?page={page}" for name in ("users", "emails", "sessions", "audit") for page in pages]


def find_elements(staff: Member, paths: list[str]) -> set[tuple[Any, ...]]:
    """Return the elements of all these pages."""
    found = set()
    for path in paths:
        page = staff.client.get(f"/admin/{path}")
        assert page.status_code == 200, path
        found |= elements_of(page.text)
    return found


def test_no_text_in_the_database_becomes_markup(app: Flask, environ: dict[str, str], staff: Member) -> None:
    fill(app, ["harmless@a-long-domain.example"] * 101)  # with a place where it may break
    harmless = find_elements(staff, [*lists_of(101), "users/1/", *paths_of(1)])
    forget_rows(app)
    fill(app, NAUGHTY)
    assert find_elements(staff, [*lists_of(len(NAUGHTY)), "users/1/"]) <= harmless
    forget_rows(app)
    together = ["\n".join(NAUGHTY[first : first + 8]) for first in range(0, len(NAUGHTY), 8)]
    fill(app, together)  # a page about one row shows eight texts
    assert find_elements(staff, [path for number in range(len(together)) for path in paths_of(number)]) <= harmless


@pytest.mark.parametrize("name", ["users", "emails", "sessions", "audit"])
def test_no_text_breaks_a_search_or_becomes_markup(app: Flask, staff: Member, name: str) -> None:
    harmless = find_elements(staff, [f"{name}/?q=harmless", f"{name}/", f"{name}/?page=2"])
    for text in NAUGHTY:
        query = quote(text.encode("utf-8", "surrogatepass"))
        assert find_elements(staff, [f"{name}/?q={query}&sort={query}&page={query}"]) <= harmless, text


@pytest.mark.parametrize("name", ["user_id", "device"])
def test_no_cell_renders_markup_whether_it_is_a_link_or_not(app: Flask, staff: Member, name: str) -> None:
    run_sql(app, "UPDATE users SET email = '<script>'")
    with app.test_request_context():
        [row] = db.session.scalars(select(LoginSession)).all()
        page = replace(PAGES["sessions"], formatters={"device": lambda _: "<script>"})
        show_cell = get_template_attribute("admin/macros.html", "show_cell")
        cell = show_cell(page.make_table([row]), row, name)
    assert "&lt;script&gt;" in cell
    assert ("<a " in cell, "<script>" in cell) == (name in page.links, False)
