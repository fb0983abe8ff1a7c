"""The visitors of the pages: alice, logged in, and people with a role; and rows for them to look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from flaskcelery.admin import pages
from flaskcelery.admin.operations import ROLES
from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.users.models import User
from flaskcelery.web.rate_limits import LIMITS, Limit
from tests.conftest import Browser, MakeApp, close, run_sql, send_emails
from tests.functional.counted import emails_are_counted  # noqa: F401  the fixture
from tests.functional.snapshots import set_up_once
from tests.pages import csrf_token, fill_in, values_of
from tests.rows import add_missing_rows

SITE = "https://www.example.com"
AGO = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{}')"  # a time in SQL, for str.format


class Member(Browser):
    """A person with a role, logged in."""

    def __init__(self, app: Flask, name: str, role: str = "user") -> None:
        super().__init__(app.test_client())
        self.email = f"{name}@example.com"

        def set_up() -> None:
            self.sign_up(name, self.email)
            with app.app_context():
                user = db.session.scalar(db.select(User).where(User.username == name))
                for flag, value in ROLES[role].items():
                    setattr(user, flag, value)
                db.session.commit()
                db.session.remove()
            self.log_in(self.email)

        set_up_once(app, self.client, f"{name} {role}", set_up)
        [(self.id,)] = run_sql(app, f"SELECT id FROM users WHERE username = '{name}'")

    def token(self) -> str:
        """Return the CSRF token of this browser's session."""
        return csrf_token(self.client.get("/").text)

    def press(self, path: str, **fields: str) -> Any:
        """Press the button that posts to this path."""
        return self.client.post(path, data={"csrf_token": self.token(), **fields})

    def act(self, where: str, action: str, **fields: str | bool) -> Any:
        """Press the button of an action on the page `where`, and then that of its form or confirmation."""
        answer, name = self.client.get(where), action.replace("_", "-")
        page, hint = answer.text, f"Is there such a row, and is its page in PAGES in {pages.__file__}?"
        assert answer.status_code == 200, f"{where} answers {answer.status}. {hint}"
        names = re.findall(rf'"{where}action/([\w-]+)/"', page)
        assert name in names, f"No action {action!r} on {where}; there are: {', '.join(names)}."
        path = f"{where}action/{name}/"
        if f'href="{path}"' in page:
            form = self.client.get(path)
            assert form.status_code == 200
            page = form.text
        return self.client.post(path, data=fill_in(values_of(page, path), fields), follow_redirects=True)


def pass_ten_minutes(app: Flask) -> None:
    """Let ten minutes pass since anybody gave their password."""
    run_sql(app, f"UPDATE login_sessions SET confirmed_at = {AGO.format('10 minutes')}")


@pytest.fixture
def own_app(environ: dict[str, str]) -> Iterator[Flask]:
    """Return an application that no other test uses."""
    app = create_app(environ)
    yield app
    close(app)


@pytest.fixture
def counting_app(make_app: MakeApp) -> Flask:
    """Return an application with rate limits."""
    return make_app(RATELIMIT_ENABLED="1")


@pytest.fixture
def staff(app: Flask) -> Member:
    """Return a member of staff."""
    return add_member(app, "sue", "staff")


@pytest.fixture
def viewer(app: Flask) -> Member:
    """Return a read-only member of staff."""
    return Member(app, "vic", "viewer")


@pytest.fixture
def alice(app: Flask) -> Member:
    """Return a user, one of whose emails has failed. Each page of the admin has a row."""
    member = Member(app, "alice")
    run_sql(app, f"UPDATE outbox SET failed_at = created_at, error = '550 no' WHERE user_id = {member.id}")
    add_missing_rows(app, member.id)
    return member


def add_member(app: Flask, name: str, role: str = "user") -> Member:
    """Return a user with a confirmed email, who waits for none."""
    member = Member(app, name, role)
    run_sql(app, f"UPDATE users SET email_confirmed_at = joined_at WHERE id = {member.id}")
    send_emails(app)
    return member


@pytest.fixture
def member(app: Flask) -> Member:
    return add_member(app, "mia")


@pytest.fixture
def other_member(app: Flask) -> Member:
    return add_member(app, "max")


@pytest.fixture
def change_meanwhile(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes a statement run while a password is checked, as another process would."""

    def prepare(statement: str) -> None:
        hasher = type(app.extensions["hasher"])
        original = hasher.verify

        def verify(self: Any, *args: Any) -> bool:
            fits = original(self, *args)
            run_sql(app, statement)
            return bool(fits)

        monkeypatch.setattr(hasher, "verify", verify)

    return prepare


@pytest.fixture
def logged_in(app: Flask, auth: Browser) -> Browser:
    """Return the browser of alice, logged in; she has not confirmed her email."""

    def set_up() -> None:
        auth.sign_up()
        auth.log_in()
        assert auth.is_logged_in()

    set_up_once(app, auth.client, "alice logged in", set_up)
    return auth


@pytest.fixture
def secure_app(make_app: MakeApp) -> Flask:
    """Return an application whose visitors come over HTTPS."""
    return make_app(PUBLIC_URL=SITE)


@pytest.fixture
def many_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn the limits of clients off, as for somebody with a thousand IP addresses."""
    for name, table in LIMITS.items():
        many = Limit((10_000, 60), table.by_account, table.by_member)
        monkeypatch.setitem(LIMITS, name, many)
