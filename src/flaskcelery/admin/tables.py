"""What the lists of the admin show: rows, those that they link to, and how many there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, inspect, literal, select

from flaskcelery.database import db

if TYPE_CHECKING:
    from flaskcelery.admin.registry import Page

ROWS_PER_PAGE = 50  # a page stays below 50 kB
LAST_PAGE = 100  # the database counts skipped rows one by one, so the rest has to be found by a search
MAX_TOTAL = ROWS_PER_PAGE * LAST_PAGE  # it counts no further, for the same reason


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
class Table:
    """Rows of a page; with a `query`, they are one page of its list."""

    page: "Page"
    rows: Sequence[Any]
    columns: tuple[str, ...]
    linked: Mapping[tuple[str, Any], Any]  # the rows that these link to, by page and ID
    query: ListQuery | None = None
    total: int = 0  # of the list; MAX_TOTAL + 1 is "more"

    def find_linked(self, row: Any, name: str) -> Any:
        """Return the row that this column links to, or None if it is gone."""
        return self.linked.get((self.page.links[name].name, getattr(row, name)))

    @property
    def last_page(self) -> int:
        return min(-(-self.total // ROWS_PER_PAGE) or 1, LAST_PAGE)

    @property
    def summary(self) -> str:
        pages = f", page {self.query.page} of {self.last_page}" if self.query and self.last_page > 1 else ""
        return f"{format_total(self.total, MAX_TOTAL)} {self.page.noun(self.total)}{pages}"


def id_of(row: Any) -> Any:
    """Return the primary key of a row of any table."""
    return inspect(row).identity[0]


def find_page(rows: Select[Any], number: int) -> Sequence[Any]:
    return db.session.scalars(rows.offset((number - 1) * ROWS_PER_PAGE).limit(ROWS_PER_PAGE)).all()


def count_rows(rows: Select[Any], limit: int) -> int:
    """Return how many rows there are, or limit + 1 if there are more: the database stops there."""
    numbered = rows.with_only_columns(literal(1), maintain_column_froms=True).limit(limit + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(numbered)) or 0


def format_total(total: int, limit: int) -> str:
    return f"{limit:,}+" if total > limit else f"{total:,}"
