"""What commands share: tables for people, JSON for programs, and errors as one line with exit code 1."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import click
from flask.cli import AppGroup

from flaskcelery.errors import UserFacingError
from flaskcelery.mail.errors import sanitize

Row = Mapping[str, object]
json_option: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
limit_option: Callable[[Any], Any] = click.option("--limit", type=click.IntRange(1), default=20, show_default=True)


class Group(AppGroup):
    """A group whose commands report a UserFacingError as one line on standard error, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserFacingError as error:
            raise click.ClickException(str(error)) from None


def pick(row: object, *names: str) -> dict[str, object]:
    return {name: getattr(row, name) for name in names}


def show_rows(rows: Iterable[Row], as_json: bool) -> None:
    """Print rows: as a JSON list, or as a table with a line of headings, unless it is empty."""
    found = list(rows)
    if as_json:
        click.echo(_json(found))
        return
    lines = [[*found[0]], *(list(map(_text, row.values())) for row in found)] if found else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(map(str.ljust, line, widths)).rstrip())


def show_row(row: Row, as_json: bool) -> None:
    """Print one row: as a JSON object, or each value on a line after its name."""
    width = max(map(len, row))
    lines = [f"{name:{width}}  {_text(value)}" for name, value in row.items()]
    click.echo(_json(row) if as_json else "\n".join(lines))


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
