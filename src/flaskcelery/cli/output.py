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
    """Print rows: as a JSON list, or each on a line, its values separated by two spaces."""
    lines = [_json(list(rows))] if as_json else ["  ".join(map(_text, row.values())) for row in rows]
    for line in lines:
        click.echo(line)


def show_row(row: Row, as_json: bool) -> None:
    """Print one row: as a JSON object, or each value on a line after its name."""
    width = max(map(len, row))
    lines = [f"{name:{width}}  {_text(value)}" for name, value in row.items()]
    click.echo(_json(row) if as_json else "\n".join(lines))


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turn a UserFacingError into its sentence on standard error and exit code 1."""
    try:
        yield
    except UserFacingError as error:
        raise click.ClickException(str(error)) from None


def _json(value: object) -> str:
    kinds: dict[type, Callable[[Any], object]] = {timedelta: timedelta.total_seconds, datetime: datetime.isoformat}
    return json.dumps(value, default=lambda other: kinds.get(type(other), str)(other), indent=2)


def _text(value: object) -> str:
    """Return a value as a terminal takes it: what visitors typed cannot move its cursor."""
    if isinstance(value, datetime):
        return f"{value:%F %T}"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.0f} s"
    return "-" if value is None else sanitize(str(value))
