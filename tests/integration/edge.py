"""nginx by itself, in front of a stand-in for uWSGI, and what asks it."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integration.echo import Echo, served
from tests.processes import HOST, free_port, wait_until
from tests.servers import nginx

STRANGER = "127.0.0.2"  # to whom the limits apply


@pytest.fixture
def start_nginx(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return what starts nginx, and pages and forms behind it."""

    def begin(with_uwsgi: bool = True, **names: str) -> SimpleNamespace:
        site = SimpleNamespace(port=free_port(), pages=free_port(), forms=free_port(), folder=tmp_path)
        for kind in ("pages", "forms") if with_uwsgi else ():
            exits.enter_context(served(Echo(HOST, getattr(site, kind))))
        site.nginx = exits.enter_context(nginx(tmp_path, site.port, site.pages, site.forms, **names))
        return site

    with ExitStack() as exits:
        yield begin


def ask(
    port: int, path: str, method: str = "GET", source: str = HOST, body: str | None = None, **headers: str
) -> SimpleNamespace:
    """Send one request from an address; return status, headers and text."""
    connection = HTTPConnection(HOST, port, timeout=20, source_address=(source, 0))
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    text = response.read().decode(errors="replace")
    connection.close()
    return SimpleNamespace(status=response.status, headers=response.headers, text=text)


def send_raw(port: int, request: str) -> bytes:
    """Send bytes as they are; return the whole answer."""
    with socket.create_connection((HOST, port), timeout=20) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def log_of(site: SimpleNamespace, path: str) -> dict[str, Any]:
    """Return the access log's line about a path."""

    def find() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in site.nginx.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["path"] == path]

    wait_until(find, 30, f"a line about {path}")
    return find()[-1]
