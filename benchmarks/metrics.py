"""Measure how long Prometheus waits: `python -m benchmarks.metrics`, about two minutes.

Real Postgres, uWSGI and nginx on loopback, with 100,000 users and 1,000,000 done rows; the planner's statistics are
fresh at first; then emails pile up that they do not know of yet.
"""

import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from tests.integration.stack import Stack
from tests.integration.visitor import LOG_IN
from tests.postgres import run_postgres

SCRAPES = 50
USERS, DONE, PENDING = 100_000, 1_000_000, 100_000
FILL = (
    f"""INSERT INTO users (username, username_key, email, email_key, password_hash, is_active, is_staff, joined_at)
    SELECT 'u' || n, 'u' || n, n || '@example.com', n || '@example.com', '!', true, false, now()
    FROM generate_series(1, {USERS}) n""",
    f"""INSERT INTO outbox (id, task, args, user_id, created_at, due_at, expires_at, attempts, done_at)
    SELECT gen_random_uuid(), 'send_welcome_email', '{{}}', n % {USERS} + 1, t, t, t + interval '1 day', 1, t
    FROM (SELECT n, now() - n * interval '2 seconds' t FROM generate_series(1, {DONE}) n) AS rows""",
    "VACUUM ANALYZE",
)
PILE_UP = f"""INSERT INTO outbox (id, task, args, user_id, created_at, due_at, expires_at, attempts)
    SELECT gen_random_uuid(), 'send_welcome_email', '{{}}', n, now(), now(), now() + interval '1 day', 0
    FROM generate_series(1, {PENDING}) n"""


def measure(stack: Stack) -> str:
    """Return the median and the slowest of many scrapes, in ms."""
    seconds = []
    for _ in range(SCRAPES):
        began = time.perf_counter()
        assert stack.scrape()["flaskcelery_database_up"] == 1
        seconds.append(time.perf_counter() - began)
    return f"p50 {statistics.median(seconds) * 1000:.0f}, slowest {max(seconds) * 1000:.0f} ms"


def main() -> None:
    """Measure with nothing pending, and with many pending rows."""
    with ExitStack() as exits:
        folder = Path(exits.enter_context(TemporaryDirectory()))
        server = exits.enter_context(run_postgres(folder))
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute("CREATE DATABASE benchmark")
        settings = {"INSTANCE_PATH": str(folder / "instance"), "DATABASE_URL": f"{server}/benchmark"}
        stack = Stack(folder, exits, settings)
        assert stack.run("migrate", "flask db upgrade").popen.wait(60) == 0
        with psycopg.connect(f"{server}/benchmark", autocommit=True) as database:
            for statement in FILL:
                database.execute(statement)  # type: ignore[arg-type]  # no visitor's text is in it
            stack.start_web()
            for _ in range(100):
                stack.visitor().get(LOG_IN)
            print(f"{DONE:,} done rows, nothing pending: {measure(stack)}", flush=True)
            database.execute(PILE_UP)  # type: ignore[arg-type]
            print(f"and {PENDING:,} pending ones: {measure(stack)}", flush=True)
            database.execute("ANALYZE")
            print(f"with statistics that know them: {measure(stack)}")


if __name__ == "__main__":
    main()
