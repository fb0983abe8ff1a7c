"""uWSGI's ports: whoever reaches one can ask for pages, and can do nothing else."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.stack import UWSGI_INI, Stack
from tests.processes import HOST, ROOT

VARIABLES = ("UWSGI_FILE", "UWSGI_SCRIPT", "UWSGI_MODULE", "UWSGI_POSTFILE")


@pytest.fixture
def stack(site: Stack) -> Iterator[Stack]:
    """Return the application's web part, which still serves pages at the end."""
    assert site.visitor().get("/").status == 200  # it is loaded
    yield site
    assert site.visitor().get("/accounts/login/").status == 200


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """Return a file of Python; the file beside it, called `ran`, shows that it has run."""
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w'); application = lambda *_: []\n")
    return tmp_path / "evil.py"


def send(port: int, data: bytes) -> bytes:
    """Send bytes; return what comes back, until nothing more does."""
    answer = b""
    with (
        socket.create_connection((HOST, port), timeout=0.5) as connection,
        suppress(TimeoutError, ConnectionResetError),
    ):
        connection.sendall(data)
        while part := connection.recv(65536):
            answer += part
    return answer


def packet(**variables: str) -> bytes:
    """Return a request in uWSGI's own protocol (uwsgi-docs, Protocol.rst)."""
    block = b""
    for text in (text.encode() for variable in variables.items() for text in variable):
        block += struct.pack("<H", len(text)) + text
    return struct.pack("<BHB", 0, len(block), 0) + block


@pytest.mark.requirement(55)
def test_a_packet_that_names_a_file_runs_no_code(stack: Stack, code: Path) -> None:
    asks = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REQUEST_URI": "/", "QUERY_STRING": "", "SERVER_NAME": "x"}
    for port in (stack.pages_port, stack.forms_port):
        for name in VARIABLES:
            text = "evil" if name == "UWSGI_MODULE" else str(code)
            more = {name: text, "UWSGI_APPID": "evil", "UWSGI_CHDIR": str(code.parent)}
            assert b"200 OK" not in send(port, packet(**asks, SERVER_PORT="80", SCRIPT_NAME="evil", **more))
    assert not (code.parent / "ran").exists()


@pytest.mark.requirement(55)
@pytest.mark.parametrize("through_nginx", [True, False], ids=["nginx", "uWSGI"])
def test_headers_of_the_same_names_run_no_code(stack: Stack, code: Path, through_nginx: bool) -> None:
    names = [name for variable in VARIABLES for name in (variable, variable.replace("_", "-"), variable.lower())]
    lines = "".join(f"{name}: {code}\r\n" for name in names)
    request = f"GET / HTTP/1.0\r\nHost: {HOST}:{stack.port}\r\nUWSGI_APPID: evil\r\n{lines}\r\n".encode()
    for port in [stack.port] if through_nginx else [stack.pages_port, stack.forms_port]:
        assert b"200 OK" in send(port, request)
    assert not (code.parent / "ran").exists()


@pytest.mark.requirement(14)
def test_a_visitor_decides_neither_ip_address_nor_scheme(stack: Stack) -> None:
    """uWSGI by itself takes the scheme from X-Forwarded-Proto."""
    forged = {"X-Real-IP": "6.6.6.6", "X-Forwarded-For": "6.6.6.6", "X-Scheme": "https", "X-Forwarded-Proto": "https"}
    visitor = stack.visitor()
    visitor.source = "127.0.0.5"
    [(last,)] = stack.query("SELECT coalesce(max(id), 0) FROM audit_events")
    assert visitor.get("/accounts/login", **forged).headers["Location"].startswith("http://")
    visitor.headers |= forged
    assert visitor.log_in("nobody@example.com").status == 200
    assert stack.query("SELECT ip_address FROM audit_events WHERE id > :last", last=last) == [(visitor.source,)]


@pytest.mark.requirement(47)
def test_the_line_about_a_hanging_process_shows_no_path(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    ini = (ROOT / UWSGI_INI).read_text().replace("%d..", str(ROOT)).replace("harakiri = 30", "harakiri = 1")
    (tmp_path / "uwsgi.ini").write_text(ini.replace("wsgi:behind_nginx", "tests.integration.recorder:app"))
    stack = make_stack()
    uwsgi = stack.start_web(str(tmp_path / "uwsgi.ini"))
    token = f"6f00abcd-{'0123456789abcdef' * 4}"
    assert stack.visitor().get(f"/accounts/reset/7/{token}/?hang").status == 503
    uwsgi.wait_for_text("HARAKIRI !!! end")
    assert "HARAKIRI [core" in uwsgi.log.read_text()
    assert token not in stack.read_logs()
