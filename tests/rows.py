"""A row of any table, made up from the types of its columns."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import Column, Enum, FromClause, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    EmailField,
    Field,
    Form,
    HiddenField,
    IntegerField,
    SelectField,
    StringField,
)

from flaskcelery.admin.pages import PAGES
from flaskcelery.database import Base, db, transaction
from flaskcelery.users.models import User
from tests.conftest import run_sql

# What a table needs that its types do not tell, such as {"loans": {"kind": "book"}}.
ROWS: dict[str, dict[str, Any]] = {}
HINT = f"If the row that the tests made up is why, write good values for its table into ROWS in {__file__}."

MARK = "of-somebody-else"  # in the texts of rows about a user
FIELDS: dict[type[Field], Any] = {
    BooleanField: True,
    DateField: date(2031, 2, 3),
    DateTimeLocalField: datetime(2031, 2, 3, tzinfo=UTC),
    EmailField: "new@example.com",  # before its base class
    IntegerField: 1,
    StringField: "new",
}
VALUES: dict[type, Any] = {
    int: 1,
    bool: False,
    float: 1.0,
    Decimal: Decimal(1),
    date: date(2031, 2, 3),
    object: datetime(2031, 2, 3, tzinfo=UTC),  # UtcDateTime
    UUID: UUID(int=1),
    dict: {},
    list: [],
}


def add_row(app: Flask, model: type[Base], user_id: int) -> Any:
    """Add a row about this user, with a value in each column that needs one; return its key."""
    with app.app_context():
        with transaction():
            row = _make_row(model, user_id)
        [key] = inspect(row).identity
        db.session.remove()
    return key


def add_missing_rows(app: Flask, user_id: int) -> None:
    """Give each page of the admin a row, unless it has one."""
    for model in {page.model for page in PAGES.values()}:
        if not run_sql(app, f"SELECT 1 FROM {model.__tablename__} LIMIT 1"):
            add_row(app, model, user_id)


def fill_in(form: Form) -> Form:
    """Give each visible field of a form a value."""
    for field in form:
        if not isinstance(field, HiddenField):
            field.data = _find_value(field)
    return form


def _find_value(field: Field) -> Any:
    if isinstance(field, SelectField):
        return next((field.coerce(choice.value) for choice in field.iter_choices()), None)
    values = [value for kind, value in FIELDS.items() if isinstance(field, kind)]
    assert values, f"{field.name} has no value: add {type(field).__name__} to FIELDS in tests/rows.py"
    return values[0]


def _make_row(model: type[Base], user_id: int) -> Base:
    columns = [(name, column) for name, column in inspect(model).columns.items() if _is_needed(column)]
    given = ROWS.get(model.__tablename__, {})
    values = {name: given[name] if name in given else _make(column, user_id) for name, column in columns}
    row = model(**{**values, **given})
    db.session.add(row)
    try:
        db.session.flush()
    except SQLAlchemyError as error:
        raise AssertionError(f"The database refuses {row.__tablename__} {values}. {HINT}") from error
    return row


def _is_needed(column: Column[Any]) -> bool:
    has_default = column.default is not None or column.server_default is not None
    is_numbered = column.primary_key and column.type.python_type is int and not column.foreign_keys
    return not (column.nullable or has_default or is_numbered)


def _make(column: Column[Any], user_id: int) -> Any:
    for key in column.foreign_keys:
        if key.references(User.__table__):
            return user_id
        [model] = [each.class_ for each in Base.registry.mappers if key.references(each.local_table)]
        found = None if _is_about_user(model.__table__) else db.session.scalar(select(model).limit(1))
        return inspect(found or _make_row(model, user_id)).identity[0]
    if isinstance(column.type, Enum):
        return next(iter(column.type.enum_class or column.type.enums))
    kind = column.type.python_type
    if kind is not str:
        assert kind in VALUES, f"{column} needs a value. {HINT}"
        return VALUES[kind]
    return (MARK if _is_about_user(column.table) else "of-nobody")[: column.type.length]


def _is_about_user(table: FromClause) -> bool:
    return any(key.references(User.__table__) for key in table.foreign_keys)
