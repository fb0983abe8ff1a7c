"""The whole application behind nginx, with Postgres and Redis: one for all the tests here."""

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from flask import Flask
from sqlalchemy import text

from flaskcelery.app import create_app
from flaskcelery.database import db
from tests.integration.complete import CompleteStack
from tests.integration.visitor import Visitor
from tests.processes import wait_until

ADDRESSES = (f"127.{1 + number // 62500}.{number // 250 % 250}.{1 + number % 250}" for number in itertools.count())
# The application asks for `clock_timestamp()` and finds this one first.
CLOCK = """
CREATE TABLE moved_clock (by interval NOT NULL); INSERT INTO moved_clock VALUES ('0');
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
  AS 'SELECT pg_catalog.clock_timestamp() + by FROM public.moved_clock';
ALTER DATABASE security SET search_path = public, pg_catalog
"""


class Site(CompleteStack):
    """An application that counts tries; its visitors come from an address each; its database's clock can be moved."""

    names = (f"member{number}" for number in itertools.count())

    def visitor(self, cookies: dict[str, str] | None = None) -> Visitor:
        """Return somebody with a browser, which may hold somebody else's cookies."""
        visitor = super().visitor(cookies)
        visitor.source = next(ADDRESSES)
        return visitor

    def member(self, browsers: int = 1) -> tuple[str, list[Visitor]]:
        """Return the name of a new member, whose address is NAME@example.com, logged in with some browsers."""
        name = next(self.names)
        self.sign_up(name)
        visitors = [self.visitor() for _ in range(browsers)]
        for visitor in visitors:
            assert visitor.log_in(f"{name}@example.com").status == 302
        return name, visitors

    def id_of(self, name: str) -> int:
        """Return the id of the account with this username."""
        return int(self.query("SELECT id FROM users WHERE username = :name", name=name)[0][0])

    def link_mailed(self, address: str, act: Callable[[], object], path: str = "/accounts/") -> str:
        """Do something; return the link below `path` that is mailed to an address because of it."""
        seen = len(self.smtp_server.raw)
        act()

        def find() -> list[str]:
            new = [message for message in self.smtp_server.emails(seen) if message["To"] == address]
            texts = [message.get_body(("plain",)).get_content() for message in new]
            links = [re.search(rf"^{re.escape(self.settings['PUBLIC_URL'])}({path}\S+)", body, re.M) for body in texts]
            return [link[1] for link in links if link]

        wait_until(find, 30, f"a link for {address}")
        return find()[-1]

    @contextmanager
    def later(self, **time: float) -> Iterator[None]:
        """Move the database's clock forward: `hours=1` adds an hour, also to what was moved before."""
        self.wait_until_processed()  # the relay, seeing an hour come and go, would put off a pending row by that hour
        self._move("by + :by", **time)
        try:
            yield
            self.wait_until_processed()
        finally:
            self._move("interval '0'")

    def _move(self, to: str, **time: float) -> None:
        by = ", ".join(f"{value} {unit}" for unit, value in time.items())
        with self.engine.begin() as connection:
            connection.execute(text(f"UPDATE moved_clock SET by = {to}".replace(":by", f"interval '{by}'")))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the site, with alice's account."""
    folder = tmp_path_factory.mktemp("security")
    with ExitStack() as exits:
        site = Site.with_servers(folder, exits, "security")
        with site.engine.begin() as connection:
            for statement in CLOCK.split(";"):
                connection.execute(text(statement))
        site.start_all()
        site.sign_up("alice")
        yield site
        assert site.find_secrets() == []


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Return what keeps a measured figure."""
    return lambda figure: print(figure) or record_property("measured", figure)


@pytest.fixture
def visitor(stack: Site) -> Visitor:
    """Return somebody with a fresh browser."""
    return stack.visitor()


@pytest.fixture(scope="session")
def app(stack: Site) -> Iterator[Flask]:
    """Return the application in this process, on the same database: for what staff and operators do."""
    app = create_app({**stack.settings, "INSTANCE_PATH": str(stack.folder / "instance")})
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
