"""The mechanism of the admin: a `Page` lists the rows of a model, an `Action` does something to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask import abort, url_for
from sqlalchemy import ColumnElement, false, inspect, or_, select, true
from werkzeug.datastructures import MultiDict

from flaskcelery.admin.tables import LAST_PAGE, MAX_TOTAL, ROWS_PER_PAGE, ListQuery, Table, count_rows, find_page, id_of
from flaskcelery.database import Base, UtcDateTime, db
from flaskcelery.web.forms import Form
from flaskcelery.web.urls import MAX_ID

Choices = Mapping[str, ColumnElement[bool]]
MAX_IDS = 1000  # of linked rows, in one condition
# Parts of column names that headings spell differently.
WORDS = {"id": "ID", "ip": "IP", "at": "time", "totp": "TOTP"}


@dataclass(frozen=True)
class Action:
    """A button: `run` gets the member of staff, the row unless `bulk`, and any form; it returns the message to show."""

    run: Callable[..., str]
    label: str
    form: type[Form] | None = None
    button: str = ""  # of the form or confirmation; the default is the label
    confirm: Callable[[Any], list[str]] | None = None  # returns the consequences, which are shown first
    is_available: Callable[[Any], Any] = lambda _row: True
    bulk: bool = False  # for the whole list, not for one row: `confirm` and `is_available` get None
    danger: bool = False  # red, below the details
    note: str = ""  # beside a dangerous button; the default is the first consequence

    @property
    def name(self) -> str:
        """The last part of the action's URL: the name of its function."""
        return self.run.__name__.replace("_", "-")


def action(label: str, **options: Any) -> Callable[[Callable[..., str]], Action]:
    """Turn a function into an Action with this label; the options are the fields of Action."""
    if options.get("danger") and not (options.get("note") or options.get("confirm")):
        raise ValueError(f'The action "{label}" is dangerous: add note="...", the sentence beside its button.')
    return lambda run: Action(run, label, **options)


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
    formatters: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # the tint of a column's values
    links: Mapping[str, "Page"] = field(default_factory=dict)  # foreign keys, shown and searched as the page's rows
    stand_ins: Mapping[str, str] = field(default_factory=dict)  # the column to show when the row of a link is gone
    where: Callable[[], ColumnElement[bool]] = true  # the rows of the list
    nouns: tuple[str, str] | None = None  # one row and several; the default is the title
    history: Callable[[Any], Sequence[Any]] | None = None  # the audit events of a row

    def parse_args(self, args: MultiDict[str, str]) -> ListQuery:
        sort = args.get("sort", "")
        return ListQuery(
            search=args.get("q", "").replace("\x00", "").strip(),
            filters={name: args[name] for name, choices in self.filters.items() if args.get(name) in choices},
            sort=sort if sort.removeprefix("-") in self.sortable else f"-{self.sortable[0]}",
            page=min(max(args.get("page", 1, type=int), 1), LAST_PAGE),
        )

    def find_table(self, query: ListQuery) -> Table:
        """Return the rows of one page of the list, or of the last page if there are fewer."""
        chosen = select(self.model).where(
            self.where(), *[self.filters[name][choice] for name, choice in query.filters.items()]
        )
        if query.search and self.searchable:
            chosen = chosen.where(self._matches(query.search))
        # The primary key makes the order unique: no row is on two pages.
        order = (getattr(self.model, query.sort.removeprefix("-")), self.key)
        ordered = chosen.order_by(*[column.desc() if query.sort[0] == "-" else column for column in order])
        rows, total = find_page(ordered, query.page), 0
        if query.page > 1 or len(rows) == ROWS_PER_PAGE:  # a search reads the whole table: once, if it finds little
            total = count_rows(chosen, MAX_TOTAL)
        table = self.make_table(rows, query=query, total=total or len(rows))
        if query.page > table.last_page:
            return self.find_table(replace(query, page=table.last_page))
        return table

    def make_table(self, rows: Sequence[Any], columns: tuple[str, ...] = (), **options: Any) -> Table:
        """Return the rows with those that they link to: one query for each page that is linked."""
        linked: dict[tuple[str, Any], Any] = {}
        for target, names in self._linked_pages():
            if ids := {getattr(row, name) for row in rows for name in names} - {None}:
                found = db.session.scalars(select(target.model).where(target.key.in_(ids)))
                linked |= {(target.name, id_of(row)): row for row in found}
        return Table(self, rows, columns or self.columns, linked, **options)

    def _matches(self, text: str) -> ColumnElement[bool]:
        """Select the rows that contain the text, or link to one that does."""
        found = [_contains(getattr(self.model, name), text) for name in self.searchable]
        for page, names in self._linked_pages():
            linked = select(page.key).where(page._matches(text))
            # The database finds a few IDs by its indexes; with many matches, it soon has a page of rows.
            ids = db.session.scalars(linked.limit(MAX_IDS + 1)).all()
            found += [getattr(self.model, name).in_(ids if len(ids) <= MAX_IDS else linked) for name in names]
        return or_(false(), *found)

    def _linked_pages(self) -> list[tuple["Page", list[str]]]:
        """Return each page that is linked, with the columns that link to it."""
        pages = {page.name: page for page in self.links.values()}
        return [(page, [name for name, each in self.links.items() if each is page]) for page in pages.values()]

    @property
    def key(self) -> Any:
        [key] = inspect(self.model).primary_key
        return key

    def get_row(self, row_id: str) -> Any:
        """Return the row, or answer 404."""
        value = _parse(self.key, row_id)
        return (value is not None and db.session.get(self.model, value)) or abort(404)

    def name_of(self, row: Any) -> str:
        """Return what stands for the row: its first column, or else its ID."""
        return str(self.format(row, self.columns[0]) or id_of(row))

    def get_action(self, name: str, row: Any) -> Action:
        """Return the action if it is available for the row, or for the list without one; else answer 404."""
        return next((action for action in self.find_actions(row) if action.name == name), None) or abort(404)

    def find_actions(self, row: Any = None) -> list[Action]:
        """Return the actions that are available for the row, or for the list without one."""
        return [each for each in self.actions if each.bulk == (row is None) and each.is_available(row)]

    def find_tags(self, row: Any) -> list[str]:
        return [name for name, tints in self.tags.items() if self.format(row, name) in tints]

    def find_details(self, row: Any, is_empty: bool = False) -> list[str]:
        """Return the columns below the name and the tags of a row: those with a value, or the empty ones."""
        names = dict.fromkeys([*self.columns[1:], *inspect(self.model).columns.keys()])
        shown = [name for name in names if name not in (*self.hidden, self.columns[0], *self.find_tags(row))]
        return [name for name in shown if (self.format(row, name) in (None, "", [])) is is_empty]

    def format(self, row: Any, name: str) -> Any:
        value = getattr(row, name)
        return self.formatters[name](value) if name in self.formatters else value

    def describe(self, name: str) -> str:
        """Return what a column is called within a sentence."""
        name = name.removesuffix("_id") if name in self.links else name
        name = name.removeprefix("is_").removesuffix("_at").removesuffix("_key")
        return " ".join({**WORDS, "task": self.noun(1)}.get(word, word) for word in name.split("_"))

    def head(self, name: str) -> str:
        """Return the heading of a column."""
        text = self.describe(name)
        column = inspect(self.model).columns.get(name)
        is_time = column is not None and isinstance(column.type, UtcDateTime)
        return f"{text[0].upper()}{text[1:]}{' (UTC)' if is_time else ''}"

    def noun(self, number: int) -> str:
        one, many = self.nouns or (self.title.lower().removesuffix("s"), self.title.lower())
        return one if number == 1 else many

    @property
    def search_label(self) -> str:
        *names, last = [self.describe(name) for name in dict.fromkeys([*self.links, *self.searchable])]
        return f"Search by {', '.join(names)}{' or ' if names else ''}{last}"

    def url(self, row: Any = None, **args: Any) -> str:
        """Return the URL of a row, or of the list; with an `action`, that of its form."""
        row_id = None if row is None else id_of(row)
        endpoint = "submit" if "action" in args else "show_list" if row is None else "show_row"
        return url_for(f"admin.{endpoint}", name=self.name, row_id=row_id, **args)


def _contains(column: Any, text: str) -> Any:
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
