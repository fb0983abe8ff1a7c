"""The tables of every feature: what belongs to a user is exported, and goes with the account."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from flask import Flask
from sqlalchemy import ForeignKey, Select, select

from flaskcelery.database import db
from flaskcelery.users.exports import EXPORTS, Export, add_export, exports
from flaskcelery.users.models import Owned, RecoveryCode, User

NOT_EXPORTED = {RecoveryCode.__tablename__: "hashes, which tell nobody anything"}
KEYS = [key for table in db.metadata.sorted_tables for key in sorted(table.foreign_keys, key=str)]
USERS_KEYS = [key for key in KEYS if key.references(User.__table__)]
ABOUT_USERS = {key.parent.table for key in USERS_KEYS} | {User.__table__}


@pytest.mark.parametrize("key", USERS_KEYS, ids=str)
def test_a_table_about_users_is_exported(app: Flask, key: ForeignKey) -> None:
    queries = [export.select(0) for export in EXPORTS.values()]
    exported = {query.column_descriptions[0]["entity"].__tablename__ for query in queries}
    name = key.parent.table.name
    assert name in exported | NOT_EXPORTED.keys(), (
        f"The data export lacks the table {name}. Make its model a subclass of Owned, from flaskcelery.users.models. Or"
        " write @exports(...) from flaskcelery.users.exports above a function that returns the query for the rows of a"
        f" user. Or say in NOT_EXPORTED in {__file__} why they tell nothing."
    )


@pytest.mark.parametrize("key", [key for key in KEYS if key.column.table in ABOUT_USERS], ids=str)
def test_rows_about_a_user_do_not_bar_the_deletion_of_the_account(key: ForeignKey) -> None:
    assert key.ondelete in {"CASCADE", "SET NULL"}, f'Write ondelete="CASCADE" at the foreign key {key.parent}.'


IMPORT = "import flaskcelery.account.operations"
DEFINE = """
from flaskcelery.users.models import Owned

class Event(Owned):
    __module__ = "flaskcelery.calendar.models"
    __tablename__ = "events"
"""
TAKEN = "both add '{}' to the data export. Choose another name, or write @exports in the package of its table."


@pytest.mark.parametrize("parts", [[IMPORT, DEFINE], [DEFINE, IMPORT]], ids=["table last", "table first"])
def test_a_table_cannot_have_the_name_of_another_part_of_the_export(parts: list[str]) -> None:
    found = subprocess.run([sys.executable, "-c", "\n".join(parts)], capture_output=True, text=True, check=False)
    assert TAKEN.format("events") in found.stderr


@pytest.mark.parametrize("name", ["account", "sessions", "events", "emails", "jobs"])
def test_no_part_of_the_export_can_be_replaced_by_another_package(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(TAKEN.format(name))):
        exports(name)(find_notes)


def test_a_package_can_export_less_of_its_own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaskcelery.users.exports.EXPORTS", found := {})
    monkeypatch.setattr("flaskcelery.users.exports.OWNERS", {})
    add_export("notes", Export(Owned.of, vars), f"{__package__}.models")
    exports("notes", ["title"])(find_notes)
    assert found["notes"].select is find_notes


def find_notes(user_id: int) -> Select[User]:
    return select(User).where(User.id == user_id)
