"""What the log says about an error of the database."""

import pytest
from flask import Flask
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from flaskcelery.database import db
from flaskcelery.errors import explain


@pytest.mark.parametrize(
    "statement",
    ["SELECT * FROM no_such_table", "SELECT colour FROM users", "INSERT INTO users (colour) VALUES ('red')"],
)
def test_what_sqlite_lacks_is_told_from_a_lost_database(app: Flask, statement: str) -> None:
    with app.app_context(), pytest.raises(OperationalError) as error:
        db.session.execute(text(statement))
    assert "run make migration" in explain(error.value, "lost")


@pytest.mark.parametrize("error", [errors.UndefinedTable("no_such_table"), errors.UndefinedColumn("colour")])
def test_what_postgres_lacks_is_told_from_a_lost_database(error: errors.Error) -> None:
    assert "run make migration" in explain(ProgrammingError("SELECT", {}, error), "lost")


@pytest.mark.parametrize(
    "error", [OperationalError("SELECT 'no such table: '", {}, errors.AdminShutdown("ended")), SQLAlchemyError("full")]
)
def test_every_other_error_is_a_lost_database(error: SQLAlchemyError) -> None:
    assert explain(error, "lost") == "lost"
