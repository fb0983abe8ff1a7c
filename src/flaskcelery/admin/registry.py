"""The mechanism of the admin: a `Page` lists the rows of a model, an `Action` does something to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import abort, url_for
from flask_wtf import FlaskForm
from sqlalchemy import ColumnElement, false, inspect, or_, select
from werkzeug.datastructures import MultiDict

from flaskcelery.database import Base, db
from flaskcelery.web.urls import MAX_ID

ROWS_PER_PAGE = 50  # a page stays below 50 kB
LAST_PAGE = 100  # the database counts skipped rows one by one, so the rest has to be found by a search

Choices = Mapping[str, ColumnElement[bool]]


@dataclass(frozen=True)
class Action:
    """A button: `run` gets the member of staff, the row unless `bulk`, and any form; it returns the message to show."""

    run: Callable[..., str]
    label: str
    form: type[FlaskForm] | None = None
    confirm: Callable[[Any], list[str]] | None = None  # returns the consequences, which are shown first
    is_available: Callable[[Any], bool] = lambda _row: True
    bulk: bool = False  # for the whole list, not for one row

    @property
    def name(self) -> str:
        """The last part of the action's URL: the name of its function."""
        return self.run.__name__.replace("_", "-")


def action(label: str, **options: Any) -> Callable[[Callable[..., str]], Action]:
    """Turn a function into an Action with this label; the options are the fields of Action."""
    return lambda run: Action(run, label, **options)


@dataclass(frozen=True)
class ListQuery:
    """What a visitor asked a list for, with every invalid value replaced by its default."""

    search: str
    filters: Mapping[str, str]
    sort: str  # a column; descending after a minus sign
    page: int

    def to_args(self, **changes: Any) -> dict[str, Any]:
        """Return the query arguments of the same list with these changes, from its first page."""
        return {"q": self.search or None, "sort": self.sort, **self.filters, **changes}


@dataclass(frozen=True)
class Page:
    """The pages of one model: its list, its rows, and their actions."""

    name: str
    title: str
    model: type[Base]
    columns: tuple[str, ...]  # or properties; the first one is the link to the row
    sortable: tuple[str, ...]  # columns with an index; the default is the first, descending
    hidden: tuple[str, ...] = ()  # columns that are never shown
    searchable: tuple[str, ...] = ()
    filters: Mapping[str, Choices] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    formatters: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)  # foreign keys, and the name of the page they link to
    history: Callable[[Any], Sequence[Any]] | None = None  # the audit events of a row

    def parse_args(self, args: MultiDict[str, str]) -> ListQuery:
        sort = args.get("sort", "")
        return ListQuery(
            search=args.get("q", "").replace("\x00", "").strip(),
            filters={name: args[name] for name, choices in self.filters.items() if args.get(name) in choices},
            sort=sort if sort.removeprefix("-") in self.sortable else f"-{self.sortable[0]}",
            page=min(max(args.get("page", 1, type=int), 1), LAST_PAGE),
        )

    def find_rows(self, query: ListQuery) -> tuple[Sequence[Any], bool]:
        """Return the rows of the list's page, and whether there is a next page."""
        rows = select(self.model).where(*[self.filters[name][choice] for name, choice in query.filters.items()])
        if query.search and self.searchable:
            rows = rows.where(or_(*[_matches(getattr(self.model, name), query.search) for name in self.searchable]))
        # The primary key makes the order unique: no row is on two pages.
        order = (getattr(self.model, query.sort.removeprefix("-")), *inspect(self.model).primary_key)
        rows = rows.order_by(*[column.desc() if query.sort[0] == "-" else column for column in order])
        rows = rows.offset((query.page - 1) * ROWS_PER_PAGE).limit(ROWS_PER_PAGE + 1)
        found = db.session.scalars(rows).all()
        return found[:ROWS_PER_PAGE], len(found) > ROWS_PER_PAGE and query.page < LAST_PAGE

    def get_row(self, row_id: str) -> Any:
        """Return the row, or answer 404."""
        [key] = inspect(self.model).primary_key
        value = _parse(key, row_id)
        return (value is not None and db.session.get(self.model, value)) or abort(404)

    def id_of(self, row: Any) -> Any:
        return inspect(row).identity[0]

    def get_action(self, name: str, row: Any) -> Action:
        """Return the action if it is available for the row, or for the list without one; else answer 404."""
        return next((action for action in self.find_actions(row) if action.name == name), None) or abort(404)

    def find_actions(self, row: Any = None) -> list[Action]:
        """Return the actions that are available for the row, or for the list without one."""
        return [each for each in self.actions if each.bulk == (row is None) and (each.bulk or each.is_available(row))]

    def find_details(self) -> list[str]:
        """Return the columns that the page of a row shows."""
        names = dict.fromkeys([*self.columns, *inspect(self.model).columns.keys()])
        return [name for name in names if name not in self.hidden]

    def format(self, row: Any, name: str) -> Any:
        value = getattr(row, name)
        return self.formatters[name](value) if name in self.formatters else value

    def url(self, row: Any = None, **args: Any) -> str:
        """Return the URL of a row, or of the list; with an `action`, that of its form."""
        row_id = None if row is None else self.id_of(row)
        endpoint = "submit" if "action" in args else "show_list" if row is None else "show_row"
        return url_for(f"admin.{endpoint}", name=self.name, row_id=row_id, **args)


def _matches(column: Any, text: str) -> Any:
    """Find text anywhere in a text column; a number or an ID has to be equal."""
    if column.type.python_type is str:
        return column.icontains(text, autoescape=True)
    value = _parse(column, text)
    return false() if value is None else column == value


def _parse(column: Any, text: str) -> Any:
    """Return the column's value that the text stands for; None if there is none."""
    try:
        value = column.type.python_type(text.replace("\x00", ""))
    except (TypeError, ValueError):
        return None
    return None if isinstance(value, int) and abs(value) > MAX_ID else value
