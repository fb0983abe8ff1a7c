"""What an admin page is, and how its rows are found: a page of your own is one `Page(...)` in PAGES."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import abort, request, url_for
from flask_wtf import FlaskForm
from sqlalchemy import ColumnElement, false, inspect, or_, select

from flaskcelery.database import Base, db
from flaskcelery.users.models import User
from flaskcelery.web.urls import MAX_ID

ROWS_PER_PAGE = 100
LAST_PAGE = 100  # who wants to see more rows searches; a database counts past skipped rows one by one

Choices = Mapping[str, ColumnElement[bool]]


@dataclass(frozen=True)
class Action:
    """Something that staff can do to a row, or to the whole list: a button, a form, or a question before it.

    `run(actor, row, form)` calls an operation and returns the sentence that is shown; a UserFacingError is shown too.
    """

    name: str
    label: str
    run: Callable[[User, Any, Any], str]
    form: type[FlaskForm] | None = None
    confirm: Callable[[Any], list[str]] | None = None  # what goes with it, asked before
    is_available: Callable[[Any], bool] = lambda _row: True
    bulk: bool = False


@dataclass(frozen=True)
class Page:
    """The rows of one model: what the list shows, what can be searched, filtered and sorted, what can be done."""

    name: str
    title: str
    model: type[Base]
    columns: tuple[str, ...]  # or properties; the first one names a row
    sort: tuple[str, ...]  # columns with an index; the first one, newest first, is the default
    hidden: tuple[str, ...] = ()  # columns that nobody sees
    search: tuple[str, ...] = ()
    filters: Mapping[str, Choices] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    formatters: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)  # how a list shows a value
    links: Mapping[str, str] = field(default_factory=dict)  # columns that hold an id, and the page of its rows
    history: Callable[[Any], Sequence[Any]] | None = None  # audit events that are shown below a row

    def find_rows(self) -> tuple[Sequence[Any], int, bool]:
        """Return the rows that the request asks for, the page's number, and whether there are more."""
        query = select(self.model)
        for name, choices in self.filters.items():
            if request.args.get(name) in choices:
                query = query.where(choices[request.args[name]])
        if (text := request.args.get("q", "").replace("\x00", "").strip()) and self.search:
            query = query.where(or_(*[_matches(getattr(self.model, name), text) for name in self.search]))
        number = min(max(request.args.get("page", 1, type=int), 1), LAST_PAGE)
        query = query.order_by(*self._order()).offset((number - 1) * ROWS_PER_PAGE).limit(ROWS_PER_PAGE + 1)
        rows = db.session.scalars(query).all()
        return rows[:ROWS_PER_PAGE], number, len(rows) > ROWS_PER_PAGE and number < LAST_PAGE

    def find_row(self, text: str) -> Any:
        """Return the row with this id; without one the answer is 404."""
        [key] = inspect(self.model).primary_key
        value = _read(key, text)
        return (None if value is None else db.session.get(self.model, value)) or abort(404)

    def id_of(self, row: Any) -> Any:
        """Return what `find_row` finds the row by."""
        return inspect(row).identity[0]

    def show(self, row: Any, name: str) -> Any:
        """Return a value as lists show it."""
        value = getattr(row, name)
        return self.formatters[name](value) if name in self.formatters else value

    def details(self) -> list[str]:
        """Return the columns that a row's page shows."""
        names = dict.fromkeys([*self.columns, *inspect(self.model).columns.keys()])
        return [name for name in names if name not in self.hidden]

    def link(self, **changes: Any) -> str:
        """Return the address of this list as it is now shown, but for these arguments; from its first page."""
        kept = {name: request.args.get(name) or None for name in ("q", "sort", *self.filters)}
        return url_for("admin.show_list", name=self.name, **{**kept, **changes})

    def find_action(self, name: str, bulk: bool) -> Action:
        """Return the action of this name; without one the answer is 404."""
        found = [action for action in self.actions if action.name == name and action.bulk is bulk]
        return found[0] if found else abort(404)

    def _order(self) -> Any:
        asked = request.args.get("sort", f"-{self.sort[0]}")
        name = asked.removeprefix("-")
        column = getattr(self.model, name if name in self.sort else self.sort[0])
        columns = (column, *inspect(self.model).primary_key)  # of equals none is on two pages
        return [each.desc() for each in columns] if asked.startswith("-") else columns


def _matches(column: Any, text: str) -> Any:
    """Words match a part of a text; a number or id has to be the same."""
    if column.type.python_type is str:
        return column.icontains(text, autoescape=True)
    value = _read(column, text)
    return false() if value is None else column == value


def _read(column: Any, text: str) -> Any:
    """Return what the text means in this column; None if it cannot be there."""
    try:
        value = column.type.python_type(text.replace("\x00", ""))
    except (TypeError, ValueError):
        return None
    return None if isinstance(value, int) and abs(value) > MAX_ID else value
