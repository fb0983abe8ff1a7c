"""Migrations: numbered, in step with the models, and reversible."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, revision, upgrade
from sqlalchemy import inspect

from flaskcelery.config.settings import MIGRATIONS
from flaskcelery.database import db
from tests.conftest import run_sql
from tests.processes import ROOT

VERSIONS = MIGRATIONS / "versions"
COLUMNS = "username, username_key, email, email_key, password_hash, is_active, is_staff, joined_at"


def differences() -> list[object]:
    """Return what the models have and the migrated database has not, or the reverse."""
    with db.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), db.metadata))


def test_models_and_migrations_agree(app: Flask) -> None:
    with app.app_context():
        assert differences() == [], "The models differ from the migrations: run make migration NAME=..."


def test_the_comparison_notices_a_missing_migration(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="0001")
        assert differences() != []


def test_make_run_and_make_migration_have_alembic_say_nothing(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    assert (ROOT / "Makefile").read_text().count("-x quiet") == 2
    with app.app_context():
        downgrade(revision="0001")
        caplog.set_level("INFO", "alembic")  # until the end of this test
        upgrade(x_arg="quiet")
    assert caplog.messages == []


def test_a_migration_without_changes_is_refused_with_a_hint(app: Flask, tmp_path: Path) -> None:
    copy = shutil.copytree(MIGRATIONS, tmp_path / "migrations")  # a model without a migration leaves its file there
    with app.app_context(), pytest.raises(SystemExit, match="Does a view or page import your model"):
        revision(directory=str(copy), autogenerate=True, message="nothing")
    assert not list(copy.glob("versions/*_nothing.py"))


@pytest.mark.parametrize(
    ("table", "column", "default"), [("outbox", "args", '"a value"'), ("users", "is_staff", 'text("false")')]
)
def test_a_new_column_without_a_value_for_the_rows_that_are_there_is_refused(
    app: Flask, tmp_path: Path, table: str, column: str, default: str
) -> None:
    copy = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    run_sql(app, f"ALTER TABLE {table} DROP COLUMN {column}")
    hint = rf"new column {table}\.{column}: .*server_default={re.escape(default)}"
    with app.app_context(), pytest.raises(SystemExit, match=hint):
        revision(directory=str(copy), autogenerate=True, message="nothing")


def test_every_migration_can_be_taken_back_and_applied_again(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
        upgrade()
        assert differences() == []


def test_of_accounts_whose_names_look_alike_the_first_keeps_the_look(app: Flask) -> None:
    names = {"google": True, "GoogIe": False, "alice": True, "g00gle": False}
    with app.app_context():
        downgrade(revision="0005")
        for name in names:
            values = f"('{name}', '{name}', '{name}', '{name}', '!', true, false, '2026-01-01')"
            run_sql(app, f"INSERT INTO users ({COLUMNS}) VALUES {values}")
        upgrade()
        found = run_sql(app, "SELECT username, username_skeleton FROM users")
    assert {name: skeleton is not None for name, skeleton in found} == names


def test_migrations_are_numbered_without_gaps_and_say_what_they_do() -> None:
    names = sorted(path.name for path in VERSIONS.glob("*.py"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", name) for name in names)


@pytest.mark.requirement(48)
def test_a_new_database_has_no_account(migrated_database: Path) -> None:
    with closing(sqlite3.connect(migrated_database)) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)
