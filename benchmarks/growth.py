"""Does it stay as fast with 1,000,000 users and sent emails, and with 100,000 emails waiting? On Postgres.

Usage: python -m benchmarks.growth

Three databases of one server: empty, grown, and grown with a backlog. Each round does everything once on each. The
bar is for the medians. A plan is printed for each statement that reads a large table as a whole.
"""

import logging
import re
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import FOUND
from pathlib import Path
from typing import TypeVar

import psycopg
from flask_migrate import upgrade
from sqlalchemy import event, text
from tests.conftest import Browser
from tests.pages import is_logged_in
from tests.postgres import run_postgres
from tests.servers import redis, smtp_server

from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.outbox.delivery import deliver
from flaskcelery.outbox.relay import relay_once

BAR = 1.15  # times as long as with an empty database
ROUNDS, WARM_UP = 60, 5
LARGE = re.compile(r"Seq Scan on (users|outbox|audit_events)( |$)")
USERS = """
INSERT INTO users (username, username_key, email, email_key, password_hash, is_active, is_staff, joined_at)
SELECT name, name, name || '@example.com', name || '@example.com', '!', true, false, now()
FROM (SELECT 'user' || n AS name FROM generate_series(1, 1000000) n) names;
INSERT INTO audit_events (at, event, user_id, email, ip_address, request_id, detail)
SELECT now() - n * interval '5 seconds', 'signed up', n, 'u***@example.com', '192.0.2.1', md5(n::text), ''
FROM generate_series(1, 1000000) n;
INSERT INTO outbox (id, task, args, user_id, created_at, due_at, expires_at, attempts, done_at)
SELECT gen_random_uuid(), 'send_welcome_email', '{}', n, at, at, at + interval '3 days', 1, at
FROM (SELECT n, now() - n * interval '2 seconds' AS at FROM generate_series(1, 1000000) n) times;
"""
BACKLOG = """
INSERT INTO outbox (id, task, args, user_id, domain, created_at, due_at, expires_at, attempts)
SELECT gen_random_uuid(), 'send_welcome_email', json_build_object('user_id', n), n, 'd' || n % 50 || '.example', now(),
  now() - n * interval '10 ms', now() + interval '3 days', 0 FROM generate_series(1, 100000) n;
"""
NEWEST = "SELECT id FROM outbox WHERE done_at IS NULL ORDER BY created_at DESC LIMIT 1"


T = TypeVar("T")
Times = dict[str, list[float]]


class Site:
    """One of the databases, with an application of its own, and what has been measured on it."""

    def __init__(self, name: str, settings: dict[str, str], fill: str) -> None:
        self.name, self.times = name, Times()
        self.app = create_app(settings)
        self.statements: dict[str, object] = {}
        with self.app.app_context():
            upgrade()
        url = settings["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as database:  # without the application's time limits
            database.execute(fill)
            database.execute("VACUUM ANALYZE")

    def exercise(self, number: int) -> None:
        """Do everything once that the bar is for."""
        person, browser = f"p{number}", Browser(self.app.test_client())
        assert self.measure("sign-up", lambda: browser.sign_up(person, f"{person}@example.net")).status_code == FOUND
        assert self.measure("login", lambda: browser.log_in(f"{person}@example.net")).status_code == FOUND
        assert is_logged_in(self.measure("home page, logged in", lambda: browser.client.get("/")).text)
        with self.app.app_context():
            row: uuid.UUID = db.session.execute(text(NEWEST)).scalar_one()
            db.session.remove()
            assert self.measure("claim, email and result", lambda: deliver(row))
        with self.app.app_context():
            self.measure("pass of the relay", lambda: relay_once(3600))

    def measure(self, what: str, act: Callable[[], T]) -> T:
        """Add the wall-clock time of a function, in milliseconds, and return its result."""
        start = time.perf_counter()
        done = act()
        self.times.setdefault(what, []).append((time.perf_counter() - start) * 1000)
        return done

    def medians(self) -> dict[str, float]:
        """Return the median time of each act."""
        return {what: statistics.median(times[WARM_UP:]) for what, times in self.times.items()}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Remember each statement, with its last parameters."""

        def remember(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
            if statement.split(maxsplit=1)[0] in {"SELECT", "UPDATE", "DELETE", "INSERT"}:
                self.statements[statement] = parameters

        with self.app.app_context():
            event.listen(db.engine, "before_cursor_execute", remember)
            yield
            event.remove(db.engine, "before_cursor_execute", remember)

    def plans(self) -> Iterator[str]:
        """Yield the plan of each statement that reads a large table as a whole."""
        with self.app.app_context(), db.engine.connect() as connection:
            for statement, parameters in self.statements.items():
                plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
                if any(map(LARGE.search, plan)):
                    yield "\n  ".join([statement, *plan])


def start_sites(folder: Path, exits: ExitStack) -> list[Site]:
    """Start the servers, and fill a database for each site."""
    server = exits.enter_context(run_postgres(folder))
    broker = f"redis://127.0.0.1:{exits.enter_context(redis(folder)).port}"
    mail = exits.enter_context(smtp_server())
    sites = []
    for number, (name, fill) in enumerate({"empty": "", "grown": USERS, "backlog": USERS + BACKLOG}.items()):
        with psycopg.connect(f"{server}/postgres", autocommit=True) as database:
            database.execute(f"CREATE DATABASE {name}")
        settings = {
            "DATABASE_URL": f"{server.replace('postgresql:', 'postgresql+psycopg:')}/{name}",
            "CELERY_BROKER_URL": f"{broker}/{number}",
        }
        settings |= {"INSTANCE_PATH": str(folder), "RATELIMIT_ENABLED": "0", "ARGON2_PARAMETERS": "m=8,t=1,p=1"}
        settings |= {
            "MAIL_BACKEND": "smtp",
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(mail.port),
            "LOG_LEVEL": "ERROR",
        }
        sites.append(Site(name, settings, fill))
    return sites


def main() -> bool:
    """Measure, print a line for each act and tell if all are within the bar."""
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # the sink's
    with tempfile.TemporaryDirectory() as folder, ExitStack() as exits:
        sites = start_sites(Path(folder), exits)
        for number in range(WARM_UP + ROUNDS):
            for site in sites:
                site.exercise(number)
        with sites[-1].watching():
            sites[-1].exercise(number + 1)
        plans = list(sites[-1].plans())
    medians = [site.medians() for site in sites]
    pairs = list(zip(sites, medians, strict=True))
    for what, base in medians[0].items():
        shown = [f"{site.name} {each[what]:6.2f} ms ({each[what] / base:.2f})" for site, each in pairs]
        print(f"{what:25}{'   '.join(shown)}")
    print(*plans or ["No statement reads a large table as a whole."], sep="\n\n")
    return not plans and all(median[what] <= BAR * base for median in medians for what, base in medians[0].items())


if __name__ == "__main__":
    sys.exit(not main())
