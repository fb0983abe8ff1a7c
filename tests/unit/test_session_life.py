"""The life of a session between reads and writes: what `pause()` keeps, and what is refused."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import Executable, delete, insert, inspect, select, update

from flaskcelery.auth.operations import authenticate
from flaskcelery.database import TransactionError, db, forget, pause, transaction
from flaskcelery.errors import WrongPassword
from flaskcelery.users.models import User
from flaskcelery.users.password_change import check_password
from flaskcelery.users.passwords import hasher
from tests.unit.test_database import make_user

REFUSED = "would discard uncommitted changes"
STATEMENTS = {
    "insert": insert(User).values(username="b", username_key="b", email="b", email_key="b", password_hash="x"),
    "update": update(User).values(username="b"),
    "delete": delete(User),
    "update of the table": User.metadata.tables["users"].update().values(username="b"),
}


@pytest.fixture
def user(app: Flask) -> Iterator[User]:
    """Return the only account, in the context of the application."""
    with app.app_context():
        with transaction():
            db.session.add(user := make_user())
        yield user


def rename(name: str) -> None:
    """Rename the account as another process does."""
    with db.engine.begin() as other:
        other.execute(update(User).values(username=name))


def test_after_a_pause_rows_can_be_read_without_a_transaction_and_changed_in_one(user: User) -> None:
    assert db.session.scalar(select(User)) is user
    pause()
    assert (user.username, db.session().in_transaction()) == ("a", False)
    rename("b")
    with transaction():
        assert user.username == "b"  # not what was read before the pause
        user.username += "c"
    assert db.session.scalar(select(User.username)) == "bc"


def test_a_row_that_a_pause_names_stays_as_it_was_and_is_no_longer_saved(user: User) -> None:
    with transaction():
        db.session.add(other := make_user(username_key="b", email_key="b"))
    pause(user, None)
    rename("b")
    with transaction():
        assert (user.username, other.username) == ("a", "b")
        user.username = "c"
    pause(user)
    assert db.session.scalars(select(User.username)).all() == ["b", "b"]


def test_a_row_that_a_transaction_made_stale_is_read_before_a_pause_keeps_it(user: User) -> None:
    with transaction():
        pass
    rename("b")
    pause(user)
    assert inspect(user).detached
    assert user.username == "b"


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize("end", [pause, lambda: transaction().__enter__()])
def test_a_statement_outside_a_transaction_is_not_dropped_silently(
    user: User, name: str, end: Callable[[], None]
) -> None:
    statement: Executable = STATEMENTS[name]
    db.session.execute(statement)
    with pytest.raises(TransactionError, match=REFUSED):
        end()
    db.session.rollback()
    end()


def test_forgetting_drops_what_nothing_has_committed(user: User) -> None:
    user.username = "b"
    forget()
    with transaction():
        assert db.session.scalar(select(User.username)) == "a"


@pytest.mark.parametrize("act", [pause, lambda: authenticate("a@b.de", "wrong")])
def test_slow_work_is_refused_where_it_would_end_somebody_elses_transaction(
    user: User, act: Callable[[], object]
) -> None:
    with transaction():
        user.username = "b"
        for slow in (act, lambda: check_password(user, "wrong")):
            with pytest.raises(TransactionError, match="never pause"):
                slow()
    assert db.session.scalar(select(User.username)) == "b"
    db.session.add(make_user(username_key="b", email_key="b"))
    with pytest.raises(TransactionError, match=REFUSED):
        act()
    assert len(db.session.new) == 1


@pytest.mark.parametrize("end", [db.session.commit, db.session.rollback])
def test_a_block_that_ends_its_own_transaction_is_an_error(user: User, end: Callable[[], None]) -> None:
    with pytest.raises(TransactionError, match="neither commit"), transaction():
        end()
        user.username = "b"
    assert db.session.scalar(select(User.username)) == "a"


def test_no_transaction_is_open_while_a_password_is_hashed(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(type(hasher()), "verify", lambda *_: (seen.append(db.session().in_transaction()), False)[1])
    for act in (lambda: authenticate("a@b.de", "wrong"), lambda: check_password(user, "wrong")):
        db.session.scalar(select(User))
        with pytest.raises(WrongPassword):
            act()
    assert seen == [False, False]
