"""Pages of the admin for models that need nothing special."""

from typing import Any

from sqlalchemy import Column, String, inspect

from flaskcelery.admin.registry import Page
from flaskcelery.database import Base

LONG = 300  # characters; a longer text is shown on the page of its row only


def page_of(model: type[Base], **options: Any) -> Page:
    """Return a page that lists the columns of a model that are not hidden; the options are the fields of Page."""
    hidden = options.get("hidden", ())
    columns = {name: column for name, column in inspect(model).columns.items() if name not in hidden}
    shown = [name for name, column in columns.items() if not column.primary_key and not _is_long(column)]
    keys = [name for name in shown if columns[name].foreign_keys]
    others = [name for name in shown if name not in keys]
    indexed = [name for name in others if columns[name].index or columns[name].unique]
    indexed.sort(key=lambda name: name != "created_at")  # the first one orders the list
    defaults = {
        "name": model.__tablename__,
        "title": model.__tablename__.replace("_", " ").capitalize(),
        "columns": (*others[:1], *keys, *others[1:]),  # what the row is, whose it is, and the rest
        "sortable": tuple(indexed) or (inspect(model).primary_key[0].key,),
        "searchable": (*(name for name in others if isinstance(columns[name].type, String)), *keys),
    }
    return Page(model=model, **{**defaults, **options})


def _is_long(column: Column[Any]) -> bool:
    return isinstance(column.type, String) and (column.type.length or LONG + 1) > LONG
