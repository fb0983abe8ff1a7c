"""What every connection to the database gets, beside the options in config/derived.py."""

from contextlib import suppress
from pathlib import Path
from select import POLLIN, poll
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError


def prepare_connections(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _create_private_file)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "checkout", _refuse_closed)


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Make the pool replace a connection that either side has closed; `pool_pre_ping` would ask with a query."""
    if connection.closed or _is_readable(connection):  # between queries there is nothing to read but the server's end
        raise DisconnectionError("the connection to the database is closed")


def _is_readable(connection: Any) -> bool:
    unread = poll()
    unread.register(connection, POLLIN)
    return bool(unread.poll(0))


def _create_private_file(_dialect: object, _record: object, arguments: list[str], _options: object) -> None:
    """Create a missing file before SQLite does, with a mode that keeps other users of this host out."""
    path = Path(arguments[0])
    if not path.exists():
        with suppress(OSError):  # SQLite says what is wrong
            path.touch(mode=0o600)  # SQLite gives its other files the same mode


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # switches the driver's own implicit BEGIN off
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if mode := connection.get_execution_options().get("sqlite_begin", "DEFERRED"):
        connection.exec_driver_sql(f"BEGIN {mode}")
