"""What an admin page is, and how its rows are found: a page of your own is one `Page(...)` in PAGES."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from flask import abort, request, url_for
from flask_wtf import FlaskForm
from sqlalchemy import ColumnElement, false, inspect, or_, select

from flaskcelery.database import Base, db
from flaskcelery.users.models import User

ROWS_PER_PAGE = 100
LAST_PAGE = 100  # who wants to see more rows searches; a database counts past skipped rows one by one
LARGEST_ID = 2**63

Choices = Mapping[str, ColumnElement[bool]]


@dataclass(frozen=True)
class Act:
    """Something that staff can do to a row, or to the whole list: a button, a form, or a question before it.

    `run(actor, row, form)` calls an operation and returns the sentence that is shown; a Refusal is shown too.
    """

    name: str
    label: str
    run: Callable[[User, Any, Any], str]
    form: type[FlaskForm] | None = None
    warn: Callable[[Any], list[str]] | None = None  # what goes with it, asked before
    applies: Callable[[Any], bool] = lambda _row: True
    on_list: bool = False


@dataclass(frozen=True)
class Page:
    """The rows of one model: what the list shows, what can be searched, filtered and sorted, what can be done."""

    name: str
    title: str
    model: type[Base]
    columns: tuple[str, ...]
    sort: tuple[str, ...]  # columns with an index; the first one, newest first, is the default
    hidden: tuple[str, ...] = ()  # columns that nobody sees
    search: tuple[str, ...] = ()
    filters: Mapping[str, Choices] = field(default_factory=dict)
    acts: tuple[Act, ...] = ()
    history: Callable[[Any], Sequence[Any]] | None = None  # audit events that are shown below a row

    def find_rows(self) -> tuple[Sequence[Any], int, bool]:
        """Return the rows that the request asks for, the page's number, and whether there are more."""
        query = select(self.model)
        for name, choices in self.filters.items():
            if request.args.get(name) in choices:
                query = query.where(choices[request.args[name]])
        if (text := request.args.get("q", "").strip().replace("\x00", "")) and self.search:
            query = query.where(or_(*[_matches(getattr(self.model, name), text) for name in self.search]))
        number = min(max(request.args.get("page", 1, type=int), 1), LAST_PAGE)
        query = query.order_by(self._order()).offset((number - 1) * ROWS_PER_PAGE).limit(ROWS_PER_PAGE + 1)
        rows = db.session.scalars(query).all()
        return rows[:ROWS_PER_PAGE], number, len(rows) > ROWS_PER_PAGE and number < LAST_PAGE

    def find_row(self, text: str) -> Any:
        """Return the row with this id; without one the answer is 404."""
        [key] = inspect(self.model).primary_key
        query = select(self.model).where(_matches(key, text))
        return db.session.scalars(query).one_or_none() or abort(404)

    def details(self) -> list[str]:
        """Return the columns that a row's page shows."""
        return [name for name in inspect(self.model).columns.keys() if name not in self.hidden]  # noqa: SIM118

    def link(self, **changes: Any) -> str:
        """Return the address of this list as it is now shown, but for these arguments; from its first page."""
        return url_for("admin.show_list", name=self.name, **{**request.args, "page": None, **changes})

    def find_act(self, name: str, on_list: bool) -> Act:
        """Return the act of this name; without one the answer is 404."""
        found = [act for act in self.acts if act.name == name and act.on_list is on_list]
        return found[0] if found else abort(404)

    def _order(self) -> Any:
        asked = request.args.get("sort", f"-{self.sort[0]}")
        name = asked.removeprefix("-")
        column = getattr(self.model, name if name in self.sort else self.sort[0])
        return column.desc() if asked.startswith("-") else column


def _matches(column: Any, text: str) -> ColumnElement[bool]:
    """Words match a part of a text; a number or id has to be the same."""
    kind = column.type.python_type
    if kind is str:
        return cast("ColumnElement[bool]", column.icontains(text, autoescape=True))
    try:
        value = kind(text)
    except ValueError:
        return false()
    return false() if isinstance(value, int) and abs(value) >= LARGEST_ID else column == value
