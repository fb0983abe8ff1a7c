"""PgBouncer in transaction mode, with the configuration that docs/operations.md shows."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from sqlalchemy.engine import make_url

from flaskcelery.app import create_app
from tests.integration.stack import NOTHING_SET, Stack
from tests.integration.test_check import SAFE, run
from tests.postgres import as_nobody
from tests.processes import HOST, ROOT, Process, find_program, free_port, migrate, start
from tests.servers import SmtpServer

AT_ONCE = 480
DOCS = (ROOT / "docs/operations.md").read_text().partition("## PgBouncer\n")[2]
INI, ROLE = (re.search(f"```{kind}\n(.*?)```", DOCS, re.DOTALL)[1] for kind in ("ini", "sql"))  # type: ignore[index]
OURS = "FROM pg_stat_activity WHERE usename = 'flaskcelery'"


@dataclass
class Pooled:
    """A migrated database, and the PgBouncer in front of it."""

    admin: psycopg.Connection[tuple[int]]
    settings: dict[str, str]
    begin: Callable[[], Process]
    process: Process

    def count(self, what: str) -> int:
        """Return the number of rows that `what`, the part of a query after FROM, has in Postgres itself."""
        [(count,)] = self.admin.execute(f"SELECT count(*) {what}".encode())
        return count

    def restart(self) -> None:
        """End PgBouncer with all its connections, and start it again."""
        self.process.kill()
        self.process = self.begin()


@pytest.fixture(scope="module")
def pooled(postgres: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pooled]:
    """Run PgBouncer in front of a database whose owner is an ordinary role without limits."""
    logs, port = tmp_path_factory.mktemp("pgbouncer"), free_port()
    url = make_url(postgres(logs)).set(database="postgres")
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        write_configuration(folder, port, f"host={HOST} port={url.port} dbname=pooled")

        def begin() -> Process:
            command = [*as_nobody(), find_program("pgbouncer"), str(folder / "pgbouncer.ini")]
            process = start("pgbouncer", command, logs, {})
            process.wait_for_port(port)
            return process

        settings = {
            "DATABASE_URL": f"postgresql://flaskcelery:a%20password@{HOST}:{port}/flaskcelery",
            "DATABASE_MIGRATION_URL": url.set(username="flaskcelery", database="pooled").render_as_string(),
            "INSTANCE_PATH": str(logs),
        }
        with psycopg.connect(url.render_as_string(), autocommit=True) as admin:
            admin.execute("CREATE ROLE flaskcelery LOGIN")
            admin.execute("CREATE DATABASE pooled OWNER flaskcelery")
            pooled = Pooled(admin, settings, begin, begin())
            migrate({**NOTHING_SET, **settings})
            yield pooled
            pooled.process.kill()
            admin.execute("DROP DATABASE pooled WITH (FORCE)")
            admin.execute("DROP ROLE flaskcelery")


def write_configuration(folder: Path, port: int, postgres: str) -> None:
    """Write the files of PgBouncer as the docs show them, for this machine."""
    ini = INI.replace("host=db.your.domain port=5432", postgres).replace("/etc/pgbouncer", str(folder))
    ini = ini.replace("0.0.0.0", HOST).replace("6432", str(port))  # noqa: S104
    (folder / "pgbouncer.ini").write_text(f"{ini}unix_socket_dir = {folder}\n")
    (folder / "userlist.txt").write_text('"flaskcelery" "a password"\n')
    if os.getuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "nobody")


def test_migrations_go_past_it_because_their_lock_belongs_to_a_session(pooled: Pooled) -> None:
    assert pooled.count("FROM pg_locks WHERE locktype = 'advisory'") == 0
    assert pooled.count(OURS) == 0


def test_a_role_without_limits_is_reported(pooled: Pooled, smtp_server: SmtpServer) -> None:
    check, settings = ["flask", "check", "--deploy"], {**SAFE, **pooled.settings, "MAIL_PORT": str(smtp_server.port)}
    assert "".join(f"{line};\n" for line in re.findall("ALTER ROLE.*", run(check, settings).stdout)) == ROLE
    pooled.admin.execute(ROLE.encode())
    pooled.restart()
    assert "ALTER ROLE" not in run(check, settings).stdout


def test_web_worker_and_relay_work_also_after_either_server_was_restarted(
    pooled: Pooled, make_stack: Callable[..., Stack], smtp_server: SmtpServer
) -> None:
    # PgBouncer can pass on a connection before it notices that Postgres has just closed it: the email is then retried.
    stack = make_stack("redis", **pooled.settings, OUTBOX_RETRY_AFTER="1").start_all()
    stack.sign_up("alice")
    smtp_server.wait_for(1)
    pooled.restart()
    stack.sign_up("bob")
    pooled.count(f"FROM (SELECT pg_terminate_backend(pid, 5000) {OURS}) AS ended")
    stack.sign_up("carol")
    assert len(smtp_server.wait_for(3)) == 3


def test_many_transactions_at_once_share_a_few_connections(pooled: Pooled) -> None:
    options = create_app(pooled.settings).config["SQLALCHEMY_ENGINE_OPTIONS"]["connect_args"]
    everybody = Barrier(AT_ONCE)

    def work(connection: psycopg.Connection) -> None:
        everybody.wait(30)
        for name in ("first", "second"):
            with connection.transaction():
                for number in range(4):  # psycopg prepares a statement that comes more than five times
                    assert connection.execute("SELECT %s::int", [number]).fetchone() == (number,)
                connection.execute("INSERT INTO done VALUES (%s)", [name])

    with ExitStack() as exits, ThreadPoolExecutor(AT_ONCE) as pool:
        url = pooled.settings["DATABASE_URL"]
        connections = [exits.enter_context(psycopg.connect(url, **options)) for _ in range(AT_ONCE)]
        connections[0].execute("CREATE TABLE done (name text)")
        connections[0].commit()
        list(pool.map(work, connections))
        assert connections[0].execute("SELECT count(*) FROM done").fetchone() == (2 * AT_ONCE,)
        assert pooled.count(OURS) <= 20
