"""The database's clock, its datetimes, and transactions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.exc import IntegrityError

from flaskcelery.audit.events import Event, record
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import TransactionError, db, now_plus, refused_as, transaction
from flaskcelery.outbox.statements import execute_alone
from flaskcelery.users.models import User


def make_user(**changes: object) -> User:
    """Return an unsaved account."""
    values = {"username": "a", "username_key": "a", "email": "a@b.de", "email_key": "a@b.de", "password_hash": "x"}
    return User(**{**values, **changes})


def test_the_clock_is_aware_and_a_fresh_row_is_already_in_the_past(app: Flask) -> None:
    with app.app_context():
        with transaction():
            db.session.add(make_user())
        assert db.session.scalar(select(User).where(User.joined_at <= now_plus()))
        joined = db.session.scalar(select(User.joined_at))
        assert joined is not None
        assert abs(joined - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_goes_forth_and_back(app: Flask) -> None:
    with app.app_context():
        earlier, now, later = db.session.execute(select(now_plus(-90), now_plus(), now_plus(0.5))).one()
        assert timedelta(seconds=89) < now - earlier < timedelta(seconds=91)
        assert timedelta(seconds=0.4) < later - now < timedelta(seconds=0.6)


def test_a_datetime_of_another_zone_is_kept_and_one_without_a_zone_is_refused(app: Flask) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    with app.app_context():
        with transaction():
            db.session.add(make_user(joined_at=noon))
        assert db.session.scalar(select(User.joined_at)) == noon
        with pytest.raises(Exception, match="needs a time zone"), transaction():
            db.session.add(make_user(username_key="b", email_key="b", joined_at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_a_statement_that_runs_alone_is_committed_at_once(app: Flask) -> None:
    rename = update(User).where(User.username == bindparam("old")).values(username="b").returning(User.id)
    with app.app_context():
        with transaction():
            db.session.add(user := make_user())
        assert execute_alone(rename, old="a") == (user.id,)
        db.session.rollback()
        assert db.session.scalar(select(User.username)) == "b"
        assert execute_alone(rename, old="a") is None
        with transaction(), pytest.raises(TransactionError, match="already open"):
            execute_alone(rename, old="b")


def test_an_error_inside_a_transaction_leaves_nothing_behind(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(ZeroDivisionError), transaction():
            db.session.add(make_user())
            db.session.flush()
            raise ZeroDivisionError
        assert db.session.scalar(select(User)) is None


def test_a_statement_that_writes_is_refused_outside_a_transaction(app: Flask) -> None:
    with app.app_context():
        with transaction():
            record(Event.LOG_OUT)
        with pytest.raises(TransactionError, match="inside transaction"):
            record(Event.LOG_OUT)
        with pytest.raises(ZeroDivisionError), transaction():
            record(Event.LOG_OUT)
            raise ZeroDivisionError
        assert db.session.scalar(select(func.count(AuditEvent.id))) == 1


def test_a_transaction_inside_a_transaction_raises_instead_of_dropping_the_outer_writes(app: Flask) -> None:
    with app.app_context():
        with transaction():
            db.session.add(make_user())
            db.session.flush()
            with pytest.raises(TransactionError, match="already open"), transaction():
                pass
        assert db.session.scalar(select(User)) is not None


@pytest.mark.parametrize("change", ["added", "flushed", "changed", "deleted"])
def test_a_transaction_raises_instead_of_dropping_uncommitted_changes(app: Flask, change: str) -> None:
    with app.app_context():
        with transaction():
            db.session.add(user := make_user())
        if change in ("added", "flushed"):
            db.session.add(make_user(username_key="b", email_key="b"))
        elif change == "changed":
            user.username = "b"
        else:
            db.session.delete(user)
        if change == "flushed":
            db.session.flush()
        with pytest.raises(TransactionError, match="would discard uncommitted changes"), transaction():
            pass
        db.session.commit()  # they are still there
        with transaction():
            pass
        users = db.session.scalars(select(User)).all()
        assert len(users) == {"added": 2, "flushed": 2, "changed": 1, "deleted": 0}[change]


@pytest.mark.parametrize("cleanup", [lambda: None, db.session.rollback, db.session.remove])
def test_after_an_error_the_next_transaction_can_begin(app: Flask, cleanup: Callable[[], None]) -> None:
    with app.app_context():
        with pytest.raises(ZeroDivisionError), transaction():
            db.session.add(make_user())
            db.session.flush()
            cleanup()
            raise ZeroDivisionError
        with transaction():
            db.session.add(make_user())
        assert len(db.session.scalars(select(User)).all()) == 1


def test_a_savepoint_does_not_end_the_transaction(app: Flask) -> None:
    with app.app_context(), transaction():
        with pytest.raises(ZeroDivisionError), db.session.begin_nested():
            db.session.add(make_user())
            raise ZeroDivisionError
        with db.session.begin_nested():
            db.session.add(make_user())
        with pytest.raises(TransactionError, match="already open"), transaction():
            pass


def test_a_reader_can_turn_into_a_writer_although_another_process_wrote_meanwhile(app: Flask) -> None:
    with app.app_context():
        assert db.session.scalars(select(User)).all() == []
        with db.engine.connect() as other:
            other.execute(text("CREATE TABLE meanwhile (id INTEGER)"))
            other.commit()
        with transaction():
            db.session.add(make_user())


def test_sqlite_keeps_what_it_has_committed_and_checks_its_keys(app: Flask) -> None:
    with app.app_context():
        assert db.session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert db.session.scalar(text("PRAGMA synchronous")) == 2
        assert db.session.scalar(text("PRAGMA foreign_keys")) == 1


def test_the_id_of_a_deleted_user_is_never_used_again(app: Flask) -> None:
    with app.app_context():
        with transaction():
            db.session.add(first := make_user())
            db.session.flush()
            old_id = first.id
            db.session.delete(first)
        with transaction():
            db.session.add(second := make_user())
        assert second.id > old_id


def test_a_change_that_a_constraint_refuses_is_told_as_the_error_of_the_feature(app: Flask) -> None:
    with app.app_context():
        with transaction():
            db.session.add_all([make_user(), other := make_user(username="new", username_key="new", email_key="new")])
        with pytest.raises(LookupError), refused_as(LookupError), transaction():
            other.email_key = make_user().email_key
        with pytest.raises(IntegrityError), transaction():
            other.email_key = make_user().email_key
