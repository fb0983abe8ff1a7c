"""However often somebody logs in and whatever they collect: sessions, pages, exports and memory have bounds."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text

from flaskcelery.database import db, transaction
from flaskcelery.users.models import User
from flaskcelery.users.password_change import set_password
from flaskcelery.users.passwords import Hasher
from flaskcelery.users.sessions import MAX_SESSIONS, start_session
from flaskcelery.web import rate_limits
from tests.conftest import Browser, MakeApp, run_sql
from tests.functional.conftest import Member, pass_ten_minutes
from tests.functional.test_account import FIREFOX, press
from tests.pages import csrf_token

PAGE = 50_000  # bytes
PER_ACCOUNT = rate_limits.LIMITS["log_in"].by_account[0]
AGO = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{}')"


def add_sessions(app: Flask, count: int) -> None:
    """Log the first account in, many times."""
    for _ in range(count):
        with app.test_request_context(headers={"User-Agent": FIREFOX}, environ_base={"REMOTE_ADDR": "2001:db8::1"}):
            user = db.session.get_one(User, 1)
            with transaction():
                start_session(user)
            db.session.remove()


@pytest.mark.requirement(63)
def test_an_account_has_at_most_fifty_sessions_and_the_one_unused_longest_ends(app: Flask, logged_in: Browser) -> None:
    add_sessions(app, MAX_SESSIONS - 2)
    last = Browser(app.test_client())
    last.log_in()
    assert run_sql(app, "SELECT count(*) FROM login_sessions") == [(50,)]
    run_sql(app, f"UPDATE login_sessions SET last_seen_at = {AGO.format('1 minute')} WHERE id = 2")
    Browser(app.test_client()).log_in()
    assert run_sql(app, "SELECT count(*), min(id) FROM login_sessions") == [(50, 1)]
    assert run_sql(app, "SELECT id FROM login_sessions WHERE id = 2") == []
    assert (logged_in.is_logged_in(), last.is_logged_in()) == (True, True)
    ended = run_sql(app, "SELECT user_id, detail FROM audit_events WHERE event = 'session ended'")
    assert ended == [(1, "1 over the limit of 50")]


@pytest.mark.requirement(63)
def test_the_largest_account_page_is_small(app: Flask, logged_in: Browser) -> None:
    add_sessions(app, 4 * MAX_SESSIONS)
    row = "hex(randomblob(16)), 'send_email_change_notice', '{}', 1, joined_at, joined_at, joined_at, 0"
    columns = "(id, task, args, user_id, created_at, due_at, expires_at, attempts)"
    with app.app_context(), db.engine.begin() as connection:
        for _ in range(40):
            connection.execute(text(f"INSERT INTO outbox {columns} SELECT {row} FROM users WHERE id = 1"))
    logged_in.log_in()
    page = logged_in.client.get("/accounts/me/")
    assert page.text.count("/end/") == MAX_SESSIONS - 1
    assert len(page.data) <= PAGE


def copy_of_a_row(app: Flask, table: str) -> str:
    """Return the statement that adds a copy of a table's row."""
    copied = [column for _, column, *_ in run_sql(app, f"PRAGMA table_info({table})") if column != "id"]
    values = ["hex(randomblob(32))" if column == "token_hash" else column for column in copied]
    with_id = ("id, ", "hex(randomblob(16)), ") if table == "outbox" else ("", "")
    return (
        f"INSERT INTO {table} ({with_id[0]}{', '.join(copied)}) "
        f"SELECT {with_id[1]}{', '.join(values)} FROM {table} LIMIT 1"
    )


@pytest.mark.requirement(63)
@pytest.mark.parametrize("name", ["users", "emails", "sessions", "audit"])
def test_the_largest_page_of_a_list_is_small(app: Flask, staff: Member, name: str) -> None:
    add_sessions(app, MAX_SESSIONS - 5)
    copies = [copy_of_a_row(app, table) for table in ("login_sessions", "outbox", "audit_events")]
    columns = "(username, username_key, email, email_key, password_hash, is_active, is_staff, joined_at)"
    with app.app_context(), db.engine.begin() as connection:
        for number in range(2, 130):
            email = f"{'x' * 50}{number}@{'y' * 60}.example.com"
            names = f"'{'n' * 30}{number}', '{'n' * 30}{number}', '{email}', '{email}'"
            user = f"INSERT INTO users {columns} SELECT {names}, '!', 1, 0, joined_at FROM users WHERE id = 1"
            for statement in (user, *copies):
                connection.execute(text(statement))
    page = staff.client.get(f"/admin/{name}/")
    assert 'rel="next"' in page.text
    assert len(page.data) <= PAGE


@pytest.mark.requirement(63)
def test_an_export_is_whole_and_never_in_memory_at_once(app: Flask, logged_in: Browser) -> None:
    copied = "at, event, user_id, email, ip_address, request_id, detail"
    run_sql(app, f"UPDATE audit_events SET detail = '{'x' * 200}'")  # large rows, of which fewer are needed
    for _ in range(13):
        run_sql(app, f"INSERT INTO audit_events ({copied}) SELECT {copied} FROM audit_events")
    [(count,)] = run_sql(app, "SELECT count(*) FROM audit_events")
    token = csrf_token(logged_in.client.get("/accounts/me/").text)
    answer = logged_in.client.post("/accounts/me/export/", data={"csrf_token": token}, buffered=False)
    parts = answer.iter_encoded()
    size, largest = len(next(parts)), 0
    tracemalloc.start()
    kept = [next(parts) for _ in range(2)]
    base, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    for part in parts:
        size, largest = size + len(part), max(largest, len(part))
    peak = tracemalloc.get_traced_memory()[1] - base
    tracemalloc.stop()
    answer.close()
    assert size > 5_000_000
    assert largest < 200_000
    assert peak < size / 2
    whole = json.loads(press(logged_in, "/accounts/me/export/").text)
    assert len(whole["events"]) == count + 2  # both exports
    assert kept


@pytest.fixture
def limited(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """Return the browser of alice, logged in, where two logins and exports an hour are allowed."""
    for name in ("log_in", "export"):
        monkeypatch.setitem(rate_limits.LIMITS, name, replace(rate_limits.LIMITS[name], by_member=(2, 60)))
    browser = Browser(make_app(RATELIMIT_ENABLED="1").test_client())
    browser.sign_up()
    browser.log_in()
    return browser


@pytest.mark.requirement(64)
def test_logins_to_one_account_are_limited_wherever_they_come_from(limited: Browser) -> None:
    answers = []
    for number in range(2):
        client = limited.client.application.test_client()
        client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        answers.append(Browser(client).log_in().status_code)
    assert answers == [302, 429]
    assert limited.is_logged_in()


@pytest.mark.requirement(64)
def test_logins_with_an_old_password_do_not_use_up_those_with_a_new_one(limited: Browser) -> None:
    new = "brass kettle forty"
    assert [limited.log_in().status_code for _ in range(2)] == [302, 429]
    with limited.client.application.app_context():
        set_password(1, new)
        db.session.remove()
    assert [limited.log_in(password=new).status_code for _ in range(3)] == [302, 302, 429]


@pytest.mark.requirement(64, 72)
def test_logins_that_are_refused_soon_cost_no_hash(limited: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes: list[str] = []
    verify = Hasher.verify
    monkeypatch.setattr(Hasher, "verify", lambda *args: hashes.append("one") or verify(*args))
    answers = [limited.log_in().status_code for _ in range(1 + PER_ACCOUNT + 3)]
    assert answers == [302] + [429] * (PER_ACCOUNT + 3)
    assert len(hashes) == 1 + PER_ACCOUNT


@pytest.mark.requirement(64)
def test_exports_are_limited(limited: Browser) -> None:
    answers = [press(limited, "/accounts/me/export/").status_code for _ in range(3)]
    assert answers == [200, 200, 429]


def test_the_page_that_asks_for_the_password_sends_back_a_thousand_fields_at_most(app: Flask, alice: Member) -> None:
    pass_ten_minutes(app)
    fields = {f"field{number}": "" for number in range(1001)}
    assert alice.client.post("/accounts/me/email/", data={"csrf_token": alice.token(), **fields}).status_code == 413
