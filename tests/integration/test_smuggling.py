"""nginx and uWSGI never disagree on where a request ends: the second sees what the first has logged, and no more."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from tests.integration.stack import UWSGI_INI, Stack
from tests.processes import HOST, ROOT, wait_until

INNER = "GET /inner HTTP/1.1\r\nHost: localhost\r\n\r\n"
LENGTH, CHUNKED = f"Content-Length: {len(INNER)}\r\n", "Transfer-Encoding: chunked\r\n"
GET, POST = "GET /outer HTTP/1.1\r\nHost: localhost\r\n", "POST /outer HTTP/1.1\r\nHost: localhost\r\n"
CHUNKS = f"{len(INNER):x}\r\n{INNER}\r\n0\r\n\r\n"
RAW = {
    "pipelined": f"{GET}\r\n{INNER}",
    "pipelined after a body": f"{POST}Content-Length: 4\r\n\r\nbody{INNER}",
    "a request as body": f"{POST}{LENGTH}\r\n{INNER}",
    "a request as chunk": f"{POST}{CHUNKED}\r\n{CHUNKS}",
    "body of a GET": f"{GET}{LENGTH}\r\n{INNER}",
    "length, then chunks": f"{POST}Content-Length: 4\r\n{CHUNKED}\r\n{CHUNKS}",
    "chunks, then length": f"{POST}{CHUNKED}Content-Length: 5\r\n\r\n0\r\n\r\n{INNER}",
    "two lengths": f"{POST}Content-Length: 0\r\n{LENGTH}\r\n{INNER}",
    "one length twice": f"{POST}{LENGTH}{LENGTH}\r\n{INNER}",
    "list of lengths": f"{POST}Content-Length: 0, {len(INNER)}\r\n\r\n{INNER}",
    "signed length": f"{POST}Content-Length: +{len(INNER)}\r\n\r\n{INNER}",
    "length with an underscore": f"{POST}Content_Length: {len(INNER)}\r\n\r\n{INNER}",
    "encoding with an underscore": f"{POST}Transfer_Encoding: chunked\r\nContent-Length: {len(CHUNKS)}\r\n\r\n{CHUNKS}",
    "encoding with a space": f"{POST}Transfer-Encoding : chunked\r\nContent-Length: {len(CHUNKS)}\r\n\r\n{CHUNKS}",
    "encoding with a tab": f"{POST}Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n{INNER}",
    "encoding after VT": f"{POST}Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{INNER}",
    "encoding twice": f"{POST}Transfer-Encoding: identity\r\n{CHUNKED}Content-Length: 5\r\n\r\n0\r\n\r\n{INNER}",
    "encoding in a list": f"{POST}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n{INNER}",
    "unknown encoding": f"{POST}Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{INNER}",
    "folded length": f"{POST}Content-Length:\r\n {len(INNER)}\r\n\r\n{INNER}",
    "folded encoding": f"{POST}X-A: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{INNER}",
    "header before the first one": "POST /outer HTTP/1.1\r\n Content-Length: 9\r\nHost: localhost\r\n\r\n" + INNER,
    "bare LF": f"{POST}X-A: a\n{LENGTH}\r\n{INNER}",
    "bare CR": f"{POST}X-A: a\r{LENGTH}\r\n{INNER}",
    "chunk extension": f"{POST}{CHUNKED}\r\n0;a=b\nc\r\n\r\n{INNER}",
    "chunk in 0x": f"{POST}{CHUNKED}\r\n0x5\r\nabcde\r\n0\r\n\r\n{INNER}",
    "chunk with a sign": f"{POST}{CHUNKED}\r\n-1\r\n{INNER}",
    "chunk too long": f"{POST}{CHUNKED}\r\nffffffffffffffff0\r\n{INNER}",
    "chunk with LF only": f"{POST}{CHUNKED}\r\n1\na\n0\n\n{INNER}",
    "trailer": f"{POST}{CHUNKED}\r\n0\r\nContent-Length: 9\r\nX-Real-IP: 6.6.6.6\r\n\r\n{INNER}",
    "expect": f"{POST}Expect: 100-continue\r\n{LENGTH}\r\n{INNER}",
    "upgrade": f"{GET}Connection: Upgrade, X-Real-IP\r\nUpgrade: h2c\r\n\r\n{INNER}",
    "kept alive by 1.0": "GET /outer HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n" + INNER,
    "0.9": f"GET /outer\r\n{INNER}",
    "absolute": "GET http://localhost/outer?a HTTP/1.1\r\nHost: localhost\r\n\r\n" + INNER,
    "absolute, two hosts": "GET http://localhost/outer HTTP/1.1\r\nHost: evil.example\r\n\r\n" + INNER,
    "line breaks in the path": "GET /outer%20HTTP/1.1%0d%0a%0d%0aGET%20/inner HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "question mark in the path": "GET /outer%3Fa%23b%2Fc%2525?d#e HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "dots in the path": "GET /inner/..%2f/./outer//x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path that grows": "GET /outer%20" + "\u00c3\u00a9" * 3500 + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "forged": f"{GET}X-Real-IP: 6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\nX.Real.IP: 6.6.6.6\r\nX-Scheme: https\r\n\r\n",
    "forged, many headers": GET + "X-A: a\r\n" * 900 + "X-Real-IP: 6.6.6.6\r\nX-Scheme: https\r\n\r\n",
}


class Pair:
    """nginx and uWSGI, and what each of them has logged."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.number = stack, 0

    def send(self, raw: str) -> None:
        """Send bytes as they are, and read until nothing more comes."""
        with socket.create_connection((HOST, self.stack.port), timeout=0.2) as connection:
            connection.sendall(raw.encode("latin-1"))
            with suppress(TimeoutError, ConnectionResetError):
                while connection.recv(65536):
                    pass

    def read(self, name: str) -> list[dict[str, Any]]:
        """Return the JSON lines of a log."""
        lines = (self.stack.folder / f"{name}.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def ask(self, raw: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Send bytes as they are; return what nginx passed on of them, and what uWSGI saw."""
        before = len(self.passed()), len(self.seen())
        self.send(raw)
        self.number += 1
        self.send(f"GET /last-{self.number} HTTP/1.0\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: self.passed()[-1]["path"] == f"/last-{self.number}", 5, "nginx's line")
        return self.passed()[before[0] : -1], self.seen()[before[1] : -1]

    def passed(self) -> list[dict[str, Any]]:
        """Return the requests that nginx passed on."""
        return [line for line in self.read("nginx") if line["upstream"]]

    def seen(self) -> list[dict[str, Any]]:
        """Return the requests that uWSGI saw."""
        return [line["recorded"] for line in self.read("uwsgi")]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Return nginx and uWSGI as in deploy/, with the recorder behind them."""
    folder = tmp_path_factory.mktemp("smuggling")
    ini = (ROOT / UWSGI_INI).read_text().replace("%d..", str(ROOT))
    (folder / "uwsgi.ini").write_text(ini.replace("wsgi:behind_nginx", "tests.integration.recorder:app"))
    with ExitStack() as exits:
        stack = Stack(folder, exits, {"DATABASE_URL": "sqlite://", "INSTANCE_PATH": str(folder / "instance")})
        stack.start_web(str(folder / "uwsgi.ini"))
        yield Pair(stack)


@pytest.mark.requirement(44)
@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_uwsgi_sees_no_request_that_nginx_did_not_see(pair: Pair, raw: str) -> None:
    passed, seen = pair.ask(raw)
    requests = [(line["method"], line["path"]) for line in passed]
    assert [(line["REQUEST_METHOD"], line["PATH_INFO"].encode("latin-1").decode()) for line in seen] == requests
    assert {(line["HTTP_X_REAL_IP"], line["HTTP_X_SCHEME"]) for line in seen} <= {(HOST, "http")}


@pytest.mark.requirement(44)
@pytest.mark.parametrize("name", ["a request as body", "a request as chunk", "body of a GET"])
def test_a_request_inside_a_body_is_a_body(pair: Pair, name: str) -> None:
    [line] = pair.ask(RAW[name])[1]
    assert (line["PATH_INFO"], line["body"]) == ("/outer", INNER)
