"""What Postgres does differently from SQLite, asked of a real one."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import downgrade, upgrade
from sqlalchemy import func, select, text

from flaskcelery.app import create_app
from flaskcelery.audit.models import AuditEvent
from flaskcelery.auth.operations import WrongCredentials, authenticate
from flaskcelery.auth.password_reset import request_reset
from flaskcelery.database import db, forget, now_plus, pause, transaction
from flaskcelery.outbox import delivery
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.relay import take_overdue
from flaskcelery.signup.operations import register
from flaskcelery.users.models import User
from flaskcelery.users.names import AccountTaken
from tests.conftest import Browser
from tests.pages import is_logged_in


@pytest.fixture
def app(postgres: Callable[[Path], str], tmp_path: Path) -> Iterator[Flask]:
    """Return an application on a fresh Postgres database, in its context."""
    settings = {"DATABASE_URL": postgres(tmp_path), "INSTANCE_PATH": str(tmp_path), "ARGON2_PARAMETERS": "m=8,t=1,p=1"}
    app = create_app(settings)
    app.extensions["mail"].suppress = True
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def differences() -> list[object]:
    """Return what the models have and the migrated database has not, or the reverse."""
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, db.metadata))


def test_models_and_migrations_agree_and_every_migration_can_be_taken_back(app: Flask) -> None:
    assert differences() == []
    downgrade(revision="base")
    assert differences() != []
    upgrade()
    assert differences() == []


def test_the_clock_moves_within_a_transaction_and_knows_its_zone(app: Flask) -> None:
    first, second = (db.session.scalars(select(now_plus(seconds))).one() for seconds in (0, 60))
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=5)
    assert timedelta(seconds=60) < second - first < timedelta(seconds=62)


def test_what_is_taken_is_said_and_the_next_sign_up_works(app: Flask) -> None:
    register("alice", "alice@example.com", "correct horse")
    with pytest.raises(AccountTaken) as caught:
        register("ALICE", "Alice@example.com", "correct horse")
    assert set(caught.value.errors) == {"username", "email"}
    register("bob", "bob@example.com", "correct horse")


def test_two_relays_and_a_worker_pass_each_other_by(app: Flask) -> None:
    register("alice", "alice@example.com", "correct horse")
    row_id = db.session.scalars(select(OutboxRow.id)).one()
    db.session.rollback()
    with db.engine.begin() as other:
        other.execute(select(OutboxRow.id).with_for_update())
        assert take_overdue(0, 10) == []
        assert delivery.claim(row_id) is None
    assert [row.id for row in take_overdue(0, 10)] == [row_id]
    assert delivery.claim(row_id) is not None
    db.session.rollback()
    assert delivery.claim(row_id) is None  # the first claim was committed at once


@pytest.mark.requirement(41)
def test_the_longest_email_and_username_sign_up_and_log_in(app: Flask) -> None:
    labels = ".".join(["d" * 63, "d" * 63, "d" * 63, "d" * 57, "de"])
    email, password = f"a@{labels}", "correct horse"
    assert len(email) == 254
    register("\u1ff7" * 150, email, password)  # a letter of three, so the name's key is twice as long
    authenticate(email, password)
    request_reset(email)
    with pytest.raises(WrongCredentials):
        authenticate(email, "another")
    assert db.session.scalar(select(func.max(func.length(AuditEvent.email)))) == 254
    for row_id in db.session.scalars(select(OutboxRow.id)).all():
        delivery.deliver(row_id)
    assert db.session.scalars(select(OutboxRow.error)).all() == [None, None]


def count_trips(log: Path, act: Callable[[], object]) -> int:
    """Return how often `act` asks the database, by the record that the protocol's own library keeps."""
    connection: psycopg.Connection = db.session.connection().connection.driver_connection  # type: ignore[assignment]
    db.session.rollback()
    with log.open("w") as trace:
        connection.pgconn.trace(trace.fileno())
        act()
        connection.pgconn.untrace()
    return len(re.findall(r"\tF\t\d+\t(?:Sync|Query)", log.read_text()))


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    """Return the browser of somebody who is logged in."""
    register("alice", "alice@example.com", "correct horse")
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = authenticate("alice@example.com", "correct horse").session_token
    db.session.remove()
    return client


def test_a_page_of_a_logged_in_user_asks_the_database_once(app: Flask, alice: FlaskClient, tmp_path: Path) -> None:
    def show_home() -> None:
        with app.app_context():  # as in a web process, where no other one is open
            assert is_logged_in(alice.get("/").text)

    assert count_trips(tmp_path / "trace", lambda: (db.session.scalar(select(1)), db.session.rollback())) == 3
    assert [count_trips(tmp_path / "trace", show_home) for _ in range(3)] == [1] * 3


def close_all() -> None:
    """Close all connections to the database, as its restart does."""
    database = db.engine.url.set(drivername="postgresql")
    with psycopg.connect(database.render_as_string(hide_password=False), autocommit=True) as admin:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        admin.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")


def test_a_connection_that_the_server_has_closed_is_replaced(alice: FlaskClient) -> None:
    assert alice.get("/").status_code == 200
    close_all()
    assert is_logged_in(alice.get("/").text)
    close_all()
    register("bob", "bob@example.com", "correct horse")


def test_a_connection_that_this_side_has_closed_is_replaced(app: Flask) -> None:
    connection: psycopg.Connection = db.session.connection().connection.driver_connection  # type: ignore[assignment]
    db.session.remove()
    connection.close()
    assert db.session.scalar(select(1)) == 1


def test_while_a_standby_is_read_only_a_page_answers_503_and_a_result_waits(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    register("alice", "alice@example.com", "correct horse")
    claimed = delivery.claim(db.session.scalars(select(OutboxRow.id)).one())
    assert claimed is not None
    set_read_only(True)
    with app.app_context():
        assert Browser(app.test_client()).sign_up("bob", "bob@example.com").status_code == 503
    monkeypatch.setattr(delivery.time, "sleep", lambda _: set_read_only(False))  # the standby takes over
    delivery.finish(claimed, is_sent=True)
    assert db.session.scalars(select(OutboxRow.done_at)).one()


def set_read_only(value: bool) -> None:
    """Let every new connection be read-only, or none, and close those that are open."""
    database = db.engine.url.set(drivername="postgresql")
    writing = {"options": "-c default_transaction_read_only=off"}
    with psycopg.connect(database.render_as_string(hide_password=False), autocommit=True, **writing) as admin:
        admin.execute(f"ALTER DATABASE {database.database} SET default_transaction_read_only = {value}")
    db.session.remove()
    db.engine.dispose()


@pytest.mark.parametrize("close", [close_all, lambda: time.sleep(0.3)])  # a restart; an idle transaction
@pytest.mark.parametrize("end", [pause, forget])
def test_a_read_that_the_server_ends_can_end(app: Flask, end: Callable[[], None], close: Callable[[], None]) -> None:
    register("alice", "alice@example.com", "correct horse")
    db.session.execute(text("SET idle_in_transaction_session_timeout = 200"))
    close()
    end()
    with transaction():
        assert db.session.scalars(select(User.username)).one() == "alice"


def test_times_are_in_utc_whatever_the_time_zone_of_the_process(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    register("alice", "alice@example.com", "correct horse")
    db.session.remove()
    monkeypatch.setenv("PGTZ", "Asia/Kolkata")
    db.engine.dispose()
    assert db.session.scalar(select(func.current_setting("timezone"))) == "Asia/Kolkata"
    assert db.session.scalars(select(User.joined_at)).one().tzinfo is UTC
