"""How fast are the staff's pages with 100,000 users and 1,000,000 sent emails? On Postgres, warm, median of 9.

Usage: python -m benchmarks.admin_lists
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import text
from tests.postgres import run_postgres

from flaskcelery.admin.operations import create_user
from flaskcelery.admin.pages import PAGES
from flaskcelery.admin.registry import LAST_PAGE
from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.users.sessions import start_session

BAR, TIMES, WARM_UP = 300, 9, 2  # milliseconds
FILL = """
INSERT INTO users (username, username_key, email, email_key, password_hash, is_active, is_staff, joined_at)
SELECT name, name, name || '@example.com', name || '@example.com', '!', n % 50 > 0, n % 5000 = 0,
  now() - n * interval '5 minutes' FROM (SELECT n, 'user' || n AS name FROM generate_series(1, 100000) n) names;
INSERT INTO login_sessions (token_hash, user_id, created_at, last_seen_at, expires_at, is_remembered, ip_address,
  device)
SELECT 'token' || n, 1 + n % 100000, now(), now() - n * interval '5 seconds', now() + interval '9 days', n % 3 = 0,
  '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0'
FROM generate_series(1, 100000) n;
INSERT INTO outbox (id, task, args, user_id, created_at, due_at, expires_at, attempts, done_at)
SELECT gen_random_uuid(), 'send_welcome_email', '{}', 1 + n % 100000, at, at, at + interval '3 days', 1, at
FROM (SELECT n, now() - n * interval '2.5 seconds' AS at FROM generate_series(1, 1000000) n) times;
INSERT INTO outbox (id, task, args, user_id, created_at, due_at, expires_at, attempts, failed_at, error)
SELECT gen_random_uuid(), 'send_welcome_email', '{}', n, at, at, at, 1, at, '550 no such mailbox'
FROM (SELECT n, now() - n * interval '1 hour' AS at FROM generate_series(1, 300) n) times;
INSERT INTO outbox (id, task, args, user_id, created_at, due_at, expires_at, attempts)
SELECT gen_random_uuid(), 'send_welcome_email', '{}', n, now(), now() + interval '1 hour', now() + interval '9 days', 2
FROM generate_series(1, 50) n;
INSERT INTO audit_events (at, event, user_id, email, ip_address, request_id, detail)
SELECT now() - n * interval '10 seconds', CASE WHEN n % 100 = 0 THEN 'role changed' ELSE 'logged in' END,
  1 + n % 100000, 'u***@example.com', '192.0.2.' || n % 250, md5(n::text), '' FROM generate_series(1, 500000) n;
ANALYZE;
"""


def main() -> bool:
    """Fill a database, time every list, filter, sort and search; print a table, tell if all are fast enough."""
    with tempfile.TemporaryDirectory() as folder, run_postgres(Path(folder)) as server:
        url = f"{server.replace('postgresql:', 'postgresql+psycopg:')}/postgres"
        app = create_app({"INSTANCE_PATH": folder, "DATABASE_URL": url, "RATELIMIT_ENABLED": "0"})
        client = prepare(app)
        times = {path: measure(client, path) for path in find_paths()}
    for path, milliseconds in times.items():
        print(f"{milliseconds:7.1f} ms  {path}{'  TOO SLOW' if milliseconds >= BAR else ''}")
    slowest = max(times.values())
    print(f"\n{len(times)} pages, the slowest takes {slowest:.1f} ms (bar {BAR} ms)")
    return slowest < BAR


def prepare(app: Flask) -> FlaskClient:
    """Fill the database and log a member of staff in."""
    with app.app_context():
        upgrade()
        with db.engine.begin() as connection:
            connection.execute(text(FILL))
        token = start_session(create_user("staff", "staff@example.com", "staff"))
        db.session.commit()
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = token
    return client


def find_paths() -> list[str]:
    """Return the dashboard, every list, sort, filter and last page, and a search that finds much, one and nothing."""
    paths = ["/admin/"]
    for name, page in PAGES.items():
        queries = ["", f"page={LAST_PAGE}", *(f"sort={column}" for column in page.sortable)]
        queries += [f"{column}={choice}" for column, choices in page.filters.items() for choice in choices]
        queries += [f"q={typed}" for typed in ("user", "user77777", "nobody at all", "77777", "192.0.2.7")]
        paths += [f"/admin/{name}/{f'?{query}' if query else ''}" for query in queries]
    return [*paths, "/admin/users/77777/", "/admin/users/?state=unconfirmed&role=user&q=user9&sort=email&page=9"]


def measure(client: FlaskClient, path: str) -> float:
    """Return the median time of the page, in milliseconds."""
    times = []
    for _ in range(WARM_UP + TIMES):
        start = time.perf_counter()
        assert client.get(path).status_code == 200, path
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[WARM_UP:])


if __name__ == "__main__":
    sys.exit(not main())
