"""What all commands share: tables for people, JSON for programs, and reported_errors as one line with exit code 1."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import click

from flaskcelery.errors import UserFacingError
from flaskcelery.mail.errors import sanitize

Row = Mapping[str, object]
json_option: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")


def show_rows(rows: Iterable[Row], as_json: bool) -> None:
    """Print rows: as a JSON list, or each on a line, its values parted by two spaces."""
    if as_json:
        click.echo(json.dumps(list(rows), default=_plain, indent=2))
        return
    for row in rows:
        click.echo("  ".join(_text(value) for value in row.values()))


def show_row(row: Row, as_json: bool) -> None:
    """Print one row: as a JSON object, or each value on a line behind its name."""
    if as_json:
        click.echo(json.dumps(row, default=_plain, indent=2))
        return
    width = max(map(len, row))
    for name, value in row.items():
        click.echo(f"{name:{width}}  {_text(value)}")


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turn a UserFacingError into its sentence on standard error and exit code 1."""
    try:
        yield
    except UserFacingError as error:
        raise click.ClickException(str(error)) from None


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _text(value: object) -> str:
    """Return a value as a terminal takes it: what visitors typed cannot move its cursor."""
    if isinstance(value, datetime):
        return f"{value:%F %T}"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.0f} s"
    return "-" if value is None else sanitize(str(value))
