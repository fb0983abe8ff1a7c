"""What users can download about themselves: each feature registers its own rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select

Rows = Callable[[int], Select[Any]]
Describe = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Export:
    """A list of the data export: `select` returns the query for a user's rows, `describe` what is told about a row."""

    select: Rows
    describe: Describe


EXPORTS: dict[str, Export] = {}
OWNERS = {"account": "flaskcelery.account"}  # the package that adds each part of the export


def exports(name: str, columns: Sequence[str] = (), describe: Describe | None = None) -> Callable[[Rows], Rows]:
    """Register a function that returns the query for a user's rows; the data export tells these columns of each."""

    def register(function: Rows) -> Rows:
        add_export(name, Export(function, describe or (lambda row: pick(row, columns))), function.__module__)
        return function

    return register


def add_export(name: str, export: Export, module: str) -> None:
    """Add a list to the data export. Only the same package can replace it, to tell less of its own table."""
    package = module.rpartition(".")[0]
    if (owner := OWNERS.setdefault(name, package)) != package:
        both = f"{owner} and {package} both add {name!r} to the data export"
        raise ValueError(f"{both}. Choose another name, or write @exports in the package of its table.")
    EXPORTS[name] = export


def pick(row: object, columns: Sequence[str]) -> dict[str, Any]:
    """Return the columns of a row by name."""
    return {column: getattr(row, column) for column in columns}
