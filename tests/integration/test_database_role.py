"""The role that deploy/database.sql makes: it can do all that the application and `make restore` do, and no more."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.signup.operations import register
from tests.integration.stack import NOTHING_SET
from tests.processes import ROOT, find_program, migrate

FORBIDDEN = (
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "CREATE ROLE other",
    "CREATE DATABASE other",
    "CREATE EXTENSION file_fdw",
    'ALTER ROLE "flaskcelery" SUPERUSER',
    "ALTER SYSTEM SET port = 1",
    "SET ROLE tester",
)


@pytest.fixture
def url(postgres: Callable[[Path], str], tmp_path: Path) -> Iterator[str]:
    """Return the URL of the application's database, on a server to which the script was given."""
    admin = make_url(postgres(tmp_path)).set(database="postgres")
    (tmp_path / "password").write_text("a password\n")
    script = (ROOT / "deploy/database.sql").read_text().replace("/secrets/password", str(tmp_path / "password"))
    command = [find_program("psql"), admin.render_as_string(), "--no-psqlrc", "--set", "ON_ERROR_STOP=1"]
    subprocess.run(command, input=script, text=True, check=True, capture_output=True)
    yield admin.set(username="flaskcelery", database="flaskcelery").render_as_string()
    with psycopg.connect(admin.render_as_string(), autocommit=True) as connection:
        connection.execute('DROP DATABASE "flaskcelery" WITH (FORCE)')
        connection.execute('DROP ROLE "flaskcelery"')


def backup_and_restore(url: str) -> None:
    """Do with a database what deploy/backup does in Compose."""
    dump = subprocess.run([find_program("pg_dump"), "--format", "custom", url], check=True, capture_output=True).stdout
    command = [find_program("pg_restore"), "--no-owner", "--no-privileges", "--file", "-"]
    sql = subprocess.run(command, input=dump, check=True, capture_output=True).stdout
    command = [find_program("psql"), "--dbname", url, "--single-transaction", "--set", "ON_ERROR_STOP=1"]
    sql = b"DROP SCHEMA public CASCADE; CREATE SCHEMA public;" + sql
    subprocess.run(command, input=sql, check=True, capture_output=True)


@pytest.mark.requirement(56)
def test_the_role_is_no_superuser_and_reaches_nothing_but_its_own_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        columns = "rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
        assert connection.execute(f"SELECT {columns} FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(make_url(url).set(database=other).render_as_string())


@pytest.mark.requirement(56)
def test_the_role_does_all_that_the_application_and_a_restore_need(url: str, tmp_path: Path) -> None:
    migrate({**NOTHING_SET, "DATABASE_URL": url, "INSTANCE_PATH": str(tmp_path)})
    app = create_app({"DATABASE_URL": url, "INSTANCE_PATH": str(tmp_path), "ARGON2_PARAMETERS": "m=8,t=1,p=1"})
    with app.app_context():
        register("alice", "alice@example.com", "correct horse")
        db.session.remove()
        db.engine.dispose()
    for _ in range(2):  # a dump of what was restored can be restored, too
        backup_and_restore(url)
    migrate({**NOTHING_SET, "DATABASE_URL": url, "INSTANCE_PATH": str(tmp_path)})
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT email FROM users").fetchall() == [("alice@example.com",)]
