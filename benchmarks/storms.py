"""Storms: what one client, account or IPv6 network sends as often as it can, for benchmarks/storm.py."""

import http.client
import itertools
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode

from tests.integration.visitor import LOG_IN, PASSWORD, SIGN_UP, Visitor
from tests.processes import HOST

THREADS, PAUSE = 40, 0.05  # 800 requests a second at most, many times what nginx lets through
SLOW_CONNECTIONS = 400
IPV4, IPV6 = "203.0.113.7", "2001:db8:7:{:x}::1"
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
    names = {"username": name, "email": f"{name}@example.com"}
    return "POST", SIGN_UP, {**names, "password1": PASSWORD, "password2": PASSWORD}


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
