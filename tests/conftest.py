"""Fixtures of all tests: an application on its own SQLite file, built as every entry point builds it."""

from __future__ import annotations

import gc
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_mail import Message
from flask_migrate import upgrade
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import text
from werkzeug.test import TestResponse

from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.extensions import mail
from flaskcelery.outbox.delivery import deliver
from flaskcelery.outbox.models import OutboxRow, is_claimable
from tests.alone import pytest_runtest_protocol  # noqa: F401  the hook
from tests.apps import as_new, close
from tests.bugs import bugs_raised
from tests.pages import describe, fill_in, find_csrf_token, is_logged_in, values_of

PASSWORD = "correct horse battery"
MakeApp = Callable[..., Flask]


def pytest_collection_finish() -> None:
    """Collect garbage rarely: Celery's signals keep every application, and each pass would look at all of them."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def patched_application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile each template once, not once for each application, and let none read the `.env` of a developer.

    An assertion about an answer that fails shows the errors in its page.
    """
    cache = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": cache})
        patch.setattr("flaskcelery.config.settings.ROOT", tmp_path_factory.mktemp("no-env-file"))
        patch.setattr(TestResponse, "__repr__", describe)
        yield


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty SQLite file that the real migrations made; tests copy it."""
    folder = tmp_path_factory.mktemp("migrated")
    app = create_app({"INSTANCE_PATH": str(folder)})
    with app.app_context():
        upgrade()
    close(app)
    return folder / "app.db"


@pytest.fixture(scope="session")
def instance() -> Iterator[Path]:
    """Return the one folder that the applications of all tests have, one after the other; in memory if possible."""
    memory = "/dev/shm"  # noqa: S108  the folder is private
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def environ(instance: Path, migrated_database: Path) -> dict[str, str]:
    """Return the settings of a test's application, whose folder has nothing but its secret and an empty database."""
    for path in instance.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "secret_key":  # which the applications have read
            path.unlink()
    shutil.copy(migrated_database, instance / "app.db")
    return settings(instance)


@pytest.fixture
def make_app(environ: dict[str, str]) -> Iterator[MakeApp]:
    """Return a function that makes an application with these settings, as good as new, on the test's folder.

    Tests with the same settings share one, as building one takes longer than most tests. So never add a page to it.
    """
    used = []

    def make(**changes: str) -> Flask:
        used.append(as_new({**environ, **changes}))
        return used[-1]

    yield make
    for app in used:
        close(app)


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """Return the application; no context is open around the client's calls."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return one browser: a client with its own cookies."""
    return app.test_client()


@pytest.fixture
def auth(client: FlaskClient) -> Browser:
    """Return what a person does with the auth pages in that browser."""
    return Browser(client)


def settings(instance: Path) -> dict[str, str]:
    """Return the settings of an application with this folder: cheap hashes."""
    return {"INSTANCE_PATH": str(instance), "ARGON2_PARAMETERS": "m=8,t=1,p=1", "RATELIMIT_ENABLED": "0"}


def send_emails(app: Flask, *, raises: bool = True) -> list[Message]:
    """Do what a worker does with all that is due; return the emails in the order of their rows, with task and args.

    A bug in a task is raised, unless `raises` is False: a worker only logs it, and tries again.
    """
    app.extensions["mail"].suppress = True
    with app.app_context(), mail.record_messages() as emails, bugs_raised() if raises else nullcontext():
        due = db.select(OutboxRow.id, OutboxRow.task, OutboxRow.args).where(is_claimable())
        for row_id, task, args in db.session.execute(due.order_by(OutboxRow.created_at, OutboxRow.task)).all():
            emails_before = len(emails)
            deliver(row_id)
            for email in emails[emails_before:]:
                email.task, email.args = task, args
        db.session.remove()
    return emails


def link_in(message: Message, action: str = "") -> str:
    """Return the path of the one link in an email, which must be under PUBLIC_URL; that of "reject" has to be named."""
    paths = re.findall(r"^http://127\.0\.0\.1:8000(/\S+)$", message.body or "", re.MULTILINE)
    [path] = [path for path in paths if ("/reject/" in path) == (action == "reject")]
    return str(path)


def run_sql(app: Flask, statement: str) -> list[Any]:
    """Run one statement on the database, as an operator would."""
    with app.app_context(), db.engine.begin() as connection:
        result = connection.execute(text(statement))
        return list(result.all()) if result.returns_rows else []


def events(app: Flask) -> list[str]:
    """Return what the audit trail holds."""
    return [event for (event,) in run_sql(app, "SELECT event FROM audit_events ORDER BY id")]


class Browser:
    """A person's way through the pages: each form is fetched first, then sent with its own CSRF token."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def send(self, path: str, **fields: str | bool) -> TestResponse:
        """Fetch the form at `path`, fill in these fields and send it; its other fields keep what they show."""
        where = path.partition("?")[0]
        page = self.client.get(where, follow_redirects=True).text
        return self.client.post(path, data=fill_in(values_of(page, where), fields))

    def sign_up(
        self, username: str = "alice", email: str = "alice@example.com", password: str = PASSWORD, **fields: str
    ) -> TestResponse:
        """Fill in the sign-up form."""
        both = {"password1": password, "password2": password, "opened": ""}  # long ago: not by a bot
        return self.send("/accounts/signup/", username=username, email=email, **{**both, **fields})

    def log_in(self, email: str = "alice@example.com", password: str = PASSWORD, **fields: str) -> TestResponse:
        """Fill in the login form."""
        return self.send("/accounts/login/", username=email, password=password, **fields)

    def log_out(self) -> TestResponse:
        return self.client.post("/accounts/logout/", data={"csrf_token": find_csrf_token(self.client.get("/").text)})

    def is_logged_in(self) -> bool:
        return is_logged_in(self.client.get("/").text)
