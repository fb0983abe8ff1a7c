"""The database's clock, its moments, and the one way to write."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy import select, text

from flaskcelery.database import db, now_plus, transaction
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


def test_a_moment_of_another_zone_is_kept_and_one_without_a_zone_is_refused(app: Flask) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    with app.app_context():
        with transaction():
            db.session.add(make_user(joined_at=noon))
        assert db.session.scalar(select(User.joined_at)) == noon
        with pytest.raises(Exception, match="needs a time zone"), transaction():
            db.session.add(make_user(username_key="b", email_key="b", joined_at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_an_error_inside_a_transaction_leaves_nothing_behind(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(ZeroDivisionError), transaction():
            db.session.add(make_user())
            db.session.flush()
            raise ZeroDivisionError
        assert db.session.scalar(select(User)) is None


def test_a_reader_may_turn_into_a_writer_although_somebody_wrote_meanwhile(app: Flask) -> None:
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
