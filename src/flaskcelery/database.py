"""The database: typed base class, the database's own clock, and `transaction()`, the one way to write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Float, Integer, MetaData, bindparam, event, literal, select
from sqlalchemy.engine import Connection, CursorResult, Dialect, Row
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Executable, ScalarSelect, Select
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator

from flaskcelery.connections import prepare_connections

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware datetime. SQLite has no time zones: there it is UTC text of 26 characters."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime needs a time zone")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # Postgres answers in the time zone of its client, which PGTZ sets; SQLite without one.
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class now_plus(GenericFunction[datetime]):  # noqa: N801  (reads as SQL, as `func.now` does)
    """The database's clock plus `seconds`, or the parameter of that name; exact to the millisecond or better."""

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: float | str = 0) -> None:
        super().__init__(bindparam(seconds, type_=Float()) if isinstance(seconds, str) else literal(float(seconds)))


def moment(seconds: float = 0) -> ScalarSelect[datetime]:
    """Return `now_plus` as a subquery. A statement reads it once, so Postgres can use an index on the column."""
    return select(now_plus(seconds)).scalar_subquery()


@compiles(now_plus)
def _compile_now(element: now_plus, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    if compiler.dialect.name == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {seconds} || ' seconds')"
    return f"(clock_timestamp() + {seconds} * interval '1 second')"


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: UtcDateTime, int: BigInteger().with_variant(Integer, "sqlite")}


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})


def database_now() -> datetime:
    """Return the database's time: the clocks of hosts differ."""
    now: datetime = db.session.execute(select(now_plus())).scalar_one()
    return now


class TransactionError(RuntimeError):
    """A misuse of `transaction()` that would otherwise lose writes silently."""


def end_reading() -> Session:
    """Return the session, in no transaction any more; raise TransactionError if it would lose more than reads."""
    session = db.session()
    if "written_to" in session.info:
        raise TransactionError("transaction() is already open: call it once, or use db.session.begin_nested() inside.")
    if session.new or session.dirty or session.deleted or session.info.get("has_flushed"):
        raise TransactionError("transaction() would discard uncommitted changes: make them inside its block.")
    with suppress(DBAPIError):  # Postgres has ended an idle connection; there were only reads
        session.rollback()
    return session


def drop_session() -> None:
    """Forget reads and uncommitted changes, even if Postgres has ended the connection meanwhile."""
    with suppress(DBAPIError):
        db.session.rollback()
    db.session.remove()


@contextmanager
def transaction() -> Iterator[None]:
    """Run the block as one write transaction: commit at its end, roll back on any error.

    Raises TransactionError inside another `transaction()`, and when the session holds uncommitted changes.
    """
    session = end_reading()
    # A read that turns into a write fails on SQLite when another process has written meanwhile.
    # So the read ends first, and writers queue up front (BEGIN IMMEDIATE).
    session.info["written_to"] = session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise


def read_one(query: Select[*tuple[Any, ...]], **values: object) -> Row[*tuple[Any, ...]] | None:
    """Return the only row of a query, or None. Outside a transaction, Postgres gets neither BEGIN nor ROLLBACK."""
    session = db.session()
    is_alone = db.engine.dialect.name == "postgresql" and not session.in_transaction()
    if is_alone:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    row = session.execute(query, values).one_or_none()
    if is_alone:
        session.commit()
    return row


def write(statement: Executable, **values: object) -> CursorResult[Any]:
    """Run a prepared statement in the open transaction. It bypasses the ORM, which takes twice the CPU time."""
    require_transaction("write()")
    connection: Connection = db.session().info["written_to"]
    return connection.execute(statement, values)


def try_insert(insert: Callable[[], object]) -> bool:
    """Call `insert`; if a unique index refuses its row, go on with the transaction and return False."""
    try:
        with db.session.begin_nested():
            db.session.connection()  # begins the savepoint, which the session leaves to its first statement
            insert()
    except IntegrityError:
        return False
    return True


@contextmanager
def refused_as(find_error: Callable[[], Exception | None]) -> Iterator[None]:
    """Run the block; if a constraint refuses its writes, raise what `find_error` returns, unless it is None."""
    try:
        yield
    except IntegrityError as refusal:
        if error := find_error():
            raise error from refusal
        raise


def require_transaction(caller: str) -> None:
    """Raise TransactionError unless a `transaction()` block is open, so that the caller's rows are committed."""
    if "written_to" not in db.session().info:
        raise TransactionError(f"Call {caller} inside transaction(): outside, nothing commits its row.")


@event.listens_for(db.session, "after_flush")
def _note_flush(session: Session, _context: object) -> None:
    session.info["has_flushed"] = True


@event.listens_for(db.session, "after_transaction_end")
def _forget_transaction(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:  # neither a savepoint nor a flush
        session.info.pop("written_to", None)
        session.info.pop("has_flushed", None)


def init_database(app: Flask) -> None:
    """Bind the database to `app`, without connecting."""
    db.init_app(app)
    with app.app_context():
        prepare_connections(db.engine)


Model = TypeVar("Model", bound=Base)


def detach(row: Model) -> Model:
    """Return the row, readable as it is now, and end the transaction, so that something slow can follow."""
    db.session.expunge_all()  # the row can be detached already
    db.session.rollback()
    return row
