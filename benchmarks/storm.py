"""What a minute of one client's worst does to other visitors: `python -m benchmarks.storm [SECONDS [KIND ...]]`.

Real nginx, uWSGI, Postgres and Redis on loopback, with all limits. Visitors fetch pages and log in, first alone, then
in each storm. The bar: no failure, and a p99 of at most ten times the idle one. Clients are told apart by
X-Forwarded-For; the storm comes from one IPv4 address or, where the name says so, from an IPv6 network of 48 bits.
"""

import multiprocessing
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
from tests.integration.stack import Stack
from tests.integration.visitor import LOG_IN, PASSWORD
from tests.postgres import run_postgres
from tests.processes import HOST
from tests.servers import redis

from benchmarks.storms import KINDS, Storm, visit

BAR = 10  # times the idle p99
VICTIMS = 300  # accounts: each can log in 60 times an hour
PROXIES = f"set_real_ip_from {HOST}; real_ip_header X-Forwarded-For;"
COPY = """
INSERT INTO users (username, username_key, email, email_key, password_hash, is_active, is_staff, joined_at)
SELECT name, name, name || '@example.com', name || '@example.com', password_hash, true, false, joined_at
FROM users, (SELECT %s || number AS name FROM generate_series(0, %s) AS number) AS names WHERE username = 'victim'
"""
IMPORTED = "UPDATE users SET password_hash = 'pbkdf2_sha256$1200000$salt$AAAA' WHERE username LIKE 'imported_%'"


def rage(port: int, kind: str, ends: float) -> None:
    """Storm, in a process of its own that leaves the servers their cores."""
    os.nice(10)
    address, storm = KINDS[kind]
    storm(Storm(port, address, ends))


def measure(port: int, ends: float, turn: int) -> tuple[dict[str, list[float]], list[int]]:
    """Fetch pages and log in until the time is over, as several visitors; return the seconds and failures."""
    seconds: dict[str, list[float]] = {"page": [], "login": []}
    failures: list[int] = []

    def live(number: int) -> None:
        visitor = visit(port, f"198.51.100.{turn * 8 + number}")
        while time.time() < ends:
            account = random.randrange(1, VICTIMS)  # noqa: S311
            page = visitor.get(LOG_IN)
            login = visitor.post(LOG_IN, username=f"victim{account}@example.com", password=PASSWORD)
            seconds["page"].append(page.seconds)
            seconds["login"].append(login.seconds)
            failures.extend(each.status for each in (page, login) if each.status not in {200, 302})
            visitor.cookies.clear()
            time.sleep(0.2)

    threads = [threading.Thread(target=live, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds, failures


def run_storm(port: int, kind: str, seconds: float, turn: int) -> tuple[dict[str, list[float]], list[int]]:
    ends = time.time() + seconds + 3
    storm = multiprocessing.get_context("spawn").Process(target=rage, args=(port, kind, ends))
    storm.start()
    time.sleep(3)
    found = measure(port, ends, turn)
    storm.join(60)
    storm.kill()
    return found


def show(kind: str, times: dict[str, list[float]], failures: list[int], idle: dict[str, float]) -> None:
    columns = [f"{len(failures)} failures {sorted(set(failures)) or ''}"]
    for what, seconds in times.items():
        p99 = statistics.quantiles(seconds, n=100)[98]
        idle.setdefault(what, p99)
        p50, ratio = statistics.median(seconds), p99 / idle[what]
        columns.append(f"{what} {1000 * p50:.0f} / {1000 * p99:.0f} ms = {ratio:.1f} x{' OVER' if ratio > BAR else ''}")
    print(f"{kind:26} n={len(times['page'])} load {os.getloadavg()[0]:.0f}: {', '.join(columns)}", flush=True)


def start_stack(exits: ExitStack, folder: Path) -> Stack:
    """Start the servers, with accounts for the visitors and imported ones to guess at."""
    server = exits.enter_context(run_postgres(folder))
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE benchmark")
    store = exits.enter_context(redis(folder))
    settings = {"INSTANCE_PATH": str(folder / "instance"), "DATABASE_URL": f"{server}/benchmark"}
    settings |= {"CELERY_BROKER_URL": f"redis://{HOST}:{store.port}/0", "RATELIMIT_ENABLED": "1"}
    stack = Stack(folder, exits, settings)
    assert stack.run("migrate", "flask db upgrade").popen.wait(120) == 0
    (folder / "proxies.d").mkdir()
    (folder / "proxies.d/storm.conf").write_text(PROXIES)
    stack.start_web()
    assert visit(stack.port, "192.0.2.1").sign_up("victim").status == 302
    with psycopg.connect(f"{server}/benchmark", autocommit=True) as database:
        database.execute(COPY, ["victim", VICTIMS])
        database.execute(COPY, ["imported", VICTIMS])
        database.execute(IMPORTED)
    return stack


def main() -> None:
    """Measure the idle site, then each storm."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and so end everything that was started
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    idle: dict[str, float] = {}
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        port = start_stack(exits, folder).port
        show("idle: p50 / p99", *measure(port, time.time() + min(seconds, 30), 0), idle)
        for turn, kind in enumerate(sys.argv[2:] or KINDS, 1):
            show(kind, *run_storm(port, kind, seconds, turn), idle)


if __name__ == "__main__":
    main()
