"""Fixtures of the integration tests: real servers, and the application's processes between them."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import servers
from tests.integration.edge import start_nginx  # noqa: F401  the fixture
from tests.integration.stack import NOTHING_SET, Stack
from tests.postgres import run_postgres
from tests.processes import HOST, migrate

FIGURES: dict[str, str] = {}
NUMBERS = itertools.count(1)
STACKS: list[Stack] = []  # of this test


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    """Return a function that makes a fresh, migrated Postgres database for a test's folder, and returns its URL."""
    folder = tmp_path_factory.mktemp("postgres")
    with run_postgres(folder) as server, psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE migrated")
        migrate({**NOTHING_SET, "DATABASE_URL": f"{server}/migrated", "INSTANCE_PATH": str(folder)})

        def create(test_folder: Path) -> str:
            (test_folder / "postgres.log").symlink_to(folder / "postgres.log")
            name = f"test_{next(NUMBERS)}"
            admin.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
            return f"{server}/{name}"

        yield create


@pytest.fixture
def smtp_server() -> Iterator[servers.SmtpServer]:
    """Return the SMTP server that all emails of this test go to."""
    with servers.smtp_server() as handler:
        yield handler


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[servers.Redis]:
    """Return a Redis of this test's own."""
    with servers.redis(tmp_path) as server:
        yield server


@pytest.fixture
def make_stack(
    tmp_path: Path, smtp_server: servers.SmtpServer, migrated_database: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Stack]]:
    """Return a function that makes the application's stack, not started: its broker, database and other settings."""

    def make(broker: str = "embedded", database: str = "sqlite", **settings: str) -> Stack:
        if broker == "redis":
            broker_url = f"redis://{HOST}:{request.getfixturevalue('redis').port}/0"
        else:
            broker_url = "embedded://localhost"
        instance = tmp_path / "instance"
        instance.mkdir()
        if database == "postgres":
            database_url = request.getfixturevalue("postgres")(tmp_path)
        else:
            database_url = f"sqlite:///{instance / 'app.db'}"
            (instance / "app.db").write_bytes(migrated_database.read_bytes())
        common = {
            "INSTANCE_PATH": str(instance),
            "DATABASE_URL": database_url,
            "CELERY_BROKER_URL": broker_url,
            "MAIL_BACKEND": "smtp",
            "MAIL_SERVER": HOST,
            "MAIL_PORT": str(smtp_server.port),
            "ARGON2_PARAMETERS": "m=8,t=1,p=1",
        }
        stack = Stack(tmp_path, exits, {**common, **settings})
        stack.redis = request.getfixturevalue("redis") if broker == "redis" else None
        STACKS.append(stack)
        return stack

    with ExitStack() as exits:
        yield make


@pytest.fixture(scope="session")
def started_site(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path) -> Iterator[Stack]:
    """Return the site of all tests here."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "instance").mkdir()
    shutil.copy(migrated_database, folder / "instance")
    settings = {"DATABASE_URL": f"sqlite:///{folder}/instance/app.db", "INSTANCE_PATH": str(folder / "instance")}
    with ExitStack() as exits:
        stack = Stack(folder, exits, {**settings, "ARGON2_PARAMETERS": "m=8,t=1,p=1"})
        stack.web = stack.start_web()
        yield stack


@pytest.fixture
def site(started_site: Stack) -> Stack:
    """Return an application with its web part only, for tests that leave it as it was but for accounts."""
    STACKS.append(started_site)
    return started_site


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """See that no log, no table and no key of Redis holds a secret that the test has used, before they are gone."""
    leaks = [found for stack in STACKS for found in stack.find_secrets()]
    STACKS.clear()
    yield
    assert leaks == []


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what keeps a measured figure for the end of the run."""

    def keep(figure: str) -> None:
        FIGURES[request.node.name] = figure

    return keep


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was measured."""
    if FIGURES:
        terminalreporter.section("measured")
        for name, figure in FIGURES.items():
            terminalreporter.line(f"{name}: {figure}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show the end of every part's log with a test that failed."""
    report = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and folder:
        for log in sorted(folder.glob("*.log")):
            report.sections.append((log.name, "\n".join(log.read_text(errors="replace").splitlines()[-40:])))
    return report
