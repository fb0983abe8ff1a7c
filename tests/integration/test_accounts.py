"""The life of an account on a real Postgres, where writers do not queue up as they do on SQLite."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select, text, update

from flaskcelery.admin import operations as staff
from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.outbox.relay import relay_once
from flaskcelery.users.accounts import LastStaff
from flaskcelery.users.deletion import delete_user
from flaskcelery.users.email_links import InvalidLink, follow_link
from flaskcelery.users.models import User
from tests.conftest import PASSWORD, Browser, link_in, send_emails
from tests.pages import csrf_token

RIVALS = 10


@pytest.fixture
def app(postgres: Callable[[Path], str], tmp_path: Path) -> Iterator[Flask]:
    """Return an application on a fresh Postgres database; no context is open around the client's calls."""
    app = create_app(
        {"DATABASE_URL": postgres(tmp_path), "INSTANCE_PATH": str(tmp_path), "ARGON2_PARAMETERS": "m=8,t=1,p=1"}
    )
    with app.app_context():
        upgrade()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def alice(app: Flask) -> Browser:
    """Return a browser in which alice is logged in, her address confirmed."""
    browser = Browser(app.test_client())
    browser.sign_up()
    browser.log_in()
    browser.send(link_in(send_emails(app)[0]))
    return browser


def ask_change(app: Flask, browser: Browser) -> str:
    """Ask for a new address; return the link that makes the change."""
    browser.send("/accounts/me/email/", email="new@example.com", password=PASSWORD)
    return next(link_in(message) for message in send_emails(app) if message.recipients == ["new@example.com"])


def count(app: Flask, what: str) -> int:
    """Return how many rows there are."""
    with app.app_context(), db.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {what}")).scalar_one())


def test_a_link_that_many_follow_at_once_works_for_one_of_them(app: Flask, alice: Browser) -> None:
    link = ask_change(app, alice)
    token, line = link.split("/")[-2], threading.Barrier(RIVALS)

    def follow(_number: int) -> bool:
        with app.app_context():
            line.wait()
            try:
                follow_link("change", 1, token, None, PASSWORD)
            except InvalidLink:
                return False
            finally:
                db.session.remove()
            return True

    with ThreadPoolExecutor(RIVALS) as pool:
        assert sum(pool.map(follow, range(RIVALS))) == 1
    assert count(app, "audit_events WHERE event = 'email changed'") == 1
    assert count(app, "outbox WHERE task = 'send_email_changed_notice'") == 1


def test_an_account_lives_changes_and_goes(app: Flask, alice: Browser) -> None:
    other = Browser(app.test_client())
    other.log_in()
    alice.send(ask_change(app, alice))
    assert (alice.is_logged_in(), other.is_logged_in()) == (True, False)
    other.send(next(link_in(message) for message in send_emails(app) if "/undo/" in message.body))
    assert not alice.is_logged_in()
    with app.app_context():
        assert db.session.scalars(select(User.email)).all() == ["alice@example.com"]

    reset = next(link_in(message) for message in send_emails(app) if "/accounts/reset/" in message.body)
    alice.send(alice.client.get(reset).location, new_password1=PASSWORD, new_password2=PASSWORD)
    alice.log_in()
    alice.send("/accounts/me/username/", username="bob")
    page = alice.client.get("/accounts/me/").text
    token = csrf_token(page)
    exported = json.loads(alice.client.post("/accounts/me/export/", data={"csrf_token": token}).text)
    assert exported["account"]["username"] == "bob"
    assert alice.client.post("/accounts/me/sessions/end_others/", data={"csrf_token": token}).status_code == 302
    assert alice.send("/accounts/me/delete/", password=PASSWORD).location == "/"
    assert send_emails(app)[-1].subject == "Your account at flaskcelery is deleted"
    with app.app_context():
        relay_once(period=0)
        db.session.remove()
    assert [count(app, table) for table in ("users", "outbox", "login_sessions")] == [0, 0, 0]


def test_an_import_leaves_out_what_is_taken_and_keeps_the_rest_of_its_batch(
    app: Flask, alice: Browser, tmp_path: Path
) -> None:
    entries = [
        {"model": "auth.user", "fields": {"username": name, "email": f"{name}@example.com", "password": "x"}}
        for name in ("carol", "ALICE", "Carol", "dora")
    ]
    path = tmp_path / "dump.json"
    path.write_text(json.dumps(entries))
    for said in ("2 added, 2 already there, 0 skipped", "0 added, 4 already there, 0 skipped"):
        result = app.test_cli_runner().invoke(args=["users", "import-django", str(path), "--welcome"])
        assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, said)
    assert len(send_emails(app)) == 2


@pytest.mark.parametrize(
    "lose",
    [partial(staff.set_role, role="user"), partial(staff.set_active, is_active=False), delete_user],
    ids=["demoted", "locked out", "deleted"],
)
def test_of_two_members_of_staff_who_remove_each_other_at_once_one_stays(
    app: Flask, lose: Callable[[int], None]
) -> None:
    def remove(user_id: int) -> bool:
        with app.app_context():
            start.wait()
            try:
                lose(user_id)
            except LastStaff:
                return False
            finally:
                db.session.remove()
        return True

    for turn in range(RIVALS):
        with app.app_context():
            db.session.execute(update(User).values(is_staff=False))
            db.session.commit()
            ids = [staff.create_user(f"u{turn}{n}", f"u{turn}{n}@example.com", "staff").id for n in "ab"]
            db.session.remove()
        start = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(remove, ids)) == [False, True]
        assert count(app, "users WHERE is_staff AND is_active") == 1
