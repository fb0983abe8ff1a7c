"""The tables of every feature: what belongs to a user is exported, and goes with the account."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import ForeignKey

from flaskcelery.database import db
from flaskcelery.users.exports import EXPORTS
from flaskcelery.users.models import RecoveryCode, User

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
        f"The data export lacks the table {name}. Make its model a subclass of Owned, from flaskcelery.users.owned. Or"
        " write @exports(...) from flaskcelery.users.exports above a function that returns the query for the rows of a"
        f" user. Or say in NOT_EXPORTED in {__file__} why they tell nothing."
    )


@pytest.mark.parametrize("key", [key for key in KEYS if key.column.table in ABOUT_USERS], ids=str)
def test_rows_about_a_user_do_not_bar_the_deletion_of_the_account(key: ForeignKey) -> None:
    assert key.ondelete in {"CASCADE", "SET NULL"}, f'Write ondelete="CASCADE" at the foreign key {key.parent}.'
