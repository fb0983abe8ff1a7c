"""The database: typed base class, the database's own clock, and the session.

read       `db.session`, or `read_one()` for a query of most requests
write      `with transaction():`, and in its block `db.session` or `write()`; rows read before are read again
slow work  `pause()` before it; rows keep their values until the next `transaction()`
forget     `forget()`, which alone discards uncommitted changes: the others raise TransactionError
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Executable, MetaData, ScalarSelect, Select, bindparam, event, literal, select
from sqlalchemy.engine import Connection, CursorResult, Dialect, Row
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, Session, SessionTransaction, attributes
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import BigInteger, DateTime, Float, Integer, TypeDecorator

from flaskcelery.connections import prepare_connections


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware datetime. SQLite has no time zones: there it is UTC text of 26 characters."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime needs a time zone")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        # Postgres answers in the time zone of its client, which PGTZ sets; SQLite without one.
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


class now_plus(GenericFunction[datetime]):  # noqa: N801  (reads as SQL, as `func.now` does)
    """The database's clock plus `seconds`, or the parameter of that name; exact to the millisecond or better."""

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: float | str = 0) -> None:
        super().__init__(bindparam(seconds, type_=Float()) if isinstance(seconds, str) else literal(float(seconds)))


def now_plus_once(seconds: float = 0) -> ScalarSelect[datetime]:
    """Return `now_plus` as a subquery. A statement reads the clock once, so Postgres can use an index on the column."""
    return select(now_plus(seconds)).scalar_subquery()


@compiles(now_plus)
def _compile_now(element: now_plus, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    if compiler.dialect.name == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {seconds} || ' seconds')"
    return f"(clock_timestamp() + {seconds} * interval '1 second')"


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, int: BigInteger().with_variant(Integer, "sqlite")}


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})


def database_now() -> datetime:
    """Return the database's time: the clocks of hosts differ."""
    return db.session.scalars(select(now_plus())).one()


class TransactionError(RuntimeError):
    """A misuse of the session that would otherwise lose writes silently."""


def pause(*rows: Base | None) -> None:
    """End the read, so that slow work can follow. `rows` keep their values for good, and are no longer saved."""
    session = db.session()
    if "written_to" in session.info:
        raise TransactionError("transaction() is already open: inside, use db.session.begin_nested(), and never pause.")
    refuse_unsaved_changes()
    for row in [each for each in rows if each and each in session]:
        if attributes.instance_state(row).expired:  # inspect() refuses `current_user`, which is a proxy
            session.refresh(row)
        session.expunge(row)
    with suppress(DBAPIError):  # Postgres has ended an idle connection; there were only reads
        if session.in_transaction():
            session.commit()  # a rollback would make rows be read again, in the middle of the slow work
    session.rollback()  # does nothing, except after a commit that failed


def refuse_unsaved_changes() -> None:
    """Raise TransactionError if the session has changes that nothing has committed."""
    session = db.session()
    if session.new or session.dirty or session.deleted or "has_written" in session.info:
        raise TransactionError("This would discard uncommitted changes: make them inside transaction().")


def forget() -> None:
    """Forget reads and uncommitted changes, even if Postgres has ended the connection meanwhile."""
    with suppress(DBAPIError):
        db.session.rollback()
    db.session.remove()


@contextmanager
def transaction() -> Iterator[None]:
    """Run the block as one write transaction: commit at its end, roll back on any error."""
    pause()
    session = db.session()
    session.expire_all()
    # Writers queue up front: on SQLite, a read that turns into a write fails when another process has written.
    session.info["written_to"] = session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})
    try:
        yield
        require_transaction("Call neither commit() nor rollback() inside transaction(): the end of the block does it.")
        session.commit()
    except BaseException:
        session.rollback()
        raise


def read_one(query: Select[*tuple[Any, ...]], **values: object) -> Row[*tuple[Any, ...]] | None:
    """Return the only row of a query, or None. Outside a transaction, Postgres gets neither BEGIN nor ROLLBACK."""
    session = db.session()
    if session.in_transaction() or db.engine.dialect.name == "sqlite":
        return session.execute(query, values).one_or_none()
    session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    row = session.execute(query, values).one_or_none()
    session.commit()
    return row


def write(statement: Executable, **values: object) -> CursorResult[Any]:
    """Run a prepared statement in the open transaction. It bypasses the ORM, which takes twice the CPU time."""
    require_transaction("Call write() inside transaction(): outside, nothing commits its row.")
    connection: Connection = db.session().info["written_to"]
    return connection.execute(statement, values)


@contextmanager
def refused_as(find_error: Callable[[], Exception | None]) -> Iterator[None]:
    """Run the block; if a constraint refuses its writes, raise what `find_error` returns, unless it is None."""
    try:
        yield
    except IntegrityError as refusal:
        if error := find_error():
            raise error from refusal
        raise


def require_transaction(message: str) -> None:
    """Raise TransactionError with this message unless a `transaction()` block is open."""
    if "written_to" not in db.session().info:
        raise TransactionError(message)


@event.listens_for(db.session, "after_flush")
def _note_flush(session: Session, _context: object) -> None:
    session.info["has_written"] = True


@event.listens_for(db.session, "do_orm_execute")
def _note_statement(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        state.session.info["has_written"] = True


@event.listens_for(db.session, "after_transaction_end")
def _forget_transaction(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:  # neither a savepoint nor a flush
        session.info.clear()


def init_database(app: Flask) -> None:
    """Bind the database to `app`, without connecting."""
    db.init_app(app)
    with app.app_context():
        prepare_connections(db.engine)
