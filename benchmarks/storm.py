"""What a minute of one client's worst does to other visitors: `python -m benchmarks.storm [SECONDS [KIND ...]]`.

Real nginx, uWSGI, Postgres and Redis on loopback, with all limits. Visitors fetch pages and log in, first alone, then
in each storm. The bar: no failure, and a p99 of at most ten times the idle one. Clients are told apart by
X-Forwarded-For; the storm comes from one IPv4 address or, where the name says so, from an IPv6 network of 48 bits.
"""

import http.client
import itertools
import multiprocessing
import os
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from tests.integration.stack import Stack
from tests.integration.visitor import LOG_IN, PASSWORD, SIGN_UP, Visitor
from tests.postgres import run_postgres
from tests.processes import HOST
from tests.servers import redis

BAR = 10  # times the idle p99
THREADS, PAUSE = 40, 0.05  # of the storm: 800 requests a second at most, many times what nginx lets through
SLOW_CONNECTIONS = 400
IPV4, IPV6 = "203.0.113.7", "2001:db8:7:{:x}::1"
VICTIMS = 60  # accounts: each can log in 60 times an hour
PROXIES = f"set_real_ip_from {HOST}; real_ip_header X-Forwarded-For;"
IMPORTED = "UPDATE users SET password_hash = 'pbkdf2_sha256$1200000$salt$AAAA' WHERE username LIKE 'imported%'"
Ask = tuple[str, str, dict[str, str] | None]


def visit(port: int, address: str) -> Visitor:
    visitor = Visitor(port)
    visitor.headers["X-Forwarded-For"] = address
    return visitor


class Storm:
    """One client, or one network, that asks as often as it can."""

    def __init__(self, port: int, address: str, ends: float) -> None:
        self.port, self.address, self.ends = port, address, ends
        self.me = visit(port, self.source())
        self.me.get(LOG_IN)
        self.numbers = itertools.count()

    def source(self) -> str:
        return self.address.format(random.randrange(2**16))  # noqa: S311  no secret

    def flood(self, make: Callable[[int], Ask]) -> None:
        """Send what `make` returns for a number, from many threads."""
        threads = [threading.Thread(target=self._send_all, args=(make,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_all(self, make: Callable[[int], Ask]) -> None:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        while time.time() < self.ends:
            method, path, fields = make(next(self.numbers))
            cookies = "; ".join(f"{name}={value}" for name, value in self.me.cookies.items())
            headers = {"X-Forwarded-For": self.source(), "Cookie": cookies}
            body = None if fields is None else urlencode({"csrf_token": self.me.token, **fields})
            if body:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            try:
                connection.request(method, path, body, headers)
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()
            time.sleep(PAUSE)

    def hold(self, head: str, drip: bytes) -> None:
        """Keep many connections open, each a little busy."""
        sockets = [socket.create_connection((HOST, self.port)) for _ in range(SLOW_CONNECTIONS)]
        start = f"{head} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nX-Forwarded-For: {self.source()}\r\n"
        for one in sockets:
            one.sendall(start.encode())
        while time.time() < self.ends:
            for one in sockets:
                with suppress(OSError):
                    one.sendall(drip)
            time.sleep(0.5)
        for one in sockets:
            one.close()


def flooding(make: Callable[[int], Ask]) -> Callable[[Storm], None]:
    return lambda storm: storm.flood(make)


def log_in(number: int) -> Ask:
    return "POST", LOG_IN, {"username": f"imported{number % 10}@example.com", "password": "wrong password"}


def sign_up(number: int) -> Ask:
    name = f"storm{time.time_ns()}x{number}"
    return (
        "POST",
        SIGN_UP,
        {"username": name, "email": f"{name}@example.com", "password1": PASSWORD, "password2": PASSWORD},
    )


def export(storm: Storm) -> None:
    storm.me.log_in("victim0@example.com")
    storm.me.get("/accounts/me/")
    storm.flood(lambda number: ("POST", "/accounts/me/export/", {}) if number % 2 else ("GET", "/accounts/me/", None))


BIG = {"username": "a" * 30_000, "password": "b" * 30_000}
SLOW_BODY = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n"
KINDS: dict[str, tuple[str, Callable[[Storm], None]]] = {
    "pages": (IPV4, flooding(lambda _: ("GET", LOG_IN, None))),
    "slow headers": (IPV4, lambda storm: storm.hold("GET /", b"X-A: b\r\n")),
    "slow bodies": (IPV4, lambda storm: storm.hold(f"POST {LOG_IN}", SLOW_BODY.encode())),
    "wrong passwords": (IPV4, flooding(log_in)),
    "sign-ups": (IPV4, flooding(sign_up)),
    "health": (IPV4, flooding(lambda number: ("GET", ("/readyz", "/healthz")[number % 2], None))),
    "not found": (IPV4, flooding(lambda number: ("GET", f"/no/{number}/", None))),
    "big bodies": (IPV4, flooding(lambda _: ("POST", LOG_IN, BIG))),
    "exports": (IPV4, export),
    "pages of a /48": (IPV6, flooding(lambda _: ("GET", LOG_IN, None))),
    "wrong passwords of a /48": (IPV6, flooding(log_in)),
    "sign-ups of a /48": (IPV6, flooding(sign_up)),
    "health of a /48": (IPV6, flooding(lambda _: ("GET", "/readyz", None))),
}


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
    names = [f"victim{number}" for number in range(VICTIMS)] + [f"imported{number}" for number in range(10)]
    for number, name in enumerate(names):
        assert visit(stack.port, f"192.0.2.{number}").sign_up(name).status == 302
    with psycopg.connect(f"{server}/benchmark", autocommit=True) as database:
        database.execute(IMPORTED)
    return stack


def main() -> None:
    """Measure the idle site, then each storm."""
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
