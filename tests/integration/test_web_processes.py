"""uWSGI's processes: what they share and what each has of its own; and the whole way through nginx and back."""

import itertools
import re
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flaskcelery.web.security import HEADERS, HSTS
from tests.integration.stack import Stack
from tests.integration.tls import Tls, TlsVisitor
from tests.integration.visitor import LOG_IN, SIGN_UP
from tests.processes import HOST, Process, free_port, wait_until
from tests.servers import nginx


def connections(pid: int, port: int) -> set[str]:
    """Return the sockets of a process that lead to a port of this machine."""
    ends = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    ours = {f"socket:[{end[9]}]" for end in ends if end[2].endswith(f":{port:04X}")}
    return ours & {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}


def listening(pid: int, *ports: int) -> tuple[bool, ...]:
    """Tell at which of these ports a process takes connections."""
    ends = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{end[9]}]": int(end[1].split(":")[1], 16) for end in ends if end[3] == "0A"}
    links = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    return tuple(port in {sockets[link] for link in links & sockets.keys()} for port in ports)


def memory(process: Process) -> int:
    """Return the kB that the processes of uWSGI take."""
    status = [Path(f"/proc/{pid}/status").read_text() for pid in (process.popen.pid, *process.children())]
    return sum(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) for text in status)


def shares(process: Process) -> list[int]:
    """Return the kB of each child's share of memory, pages that several have being divided among them."""
    maps = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in process.children()]
    return [int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) for text in maps]


def test_no_database_connection_is_shared_between_processes(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(database="postgres")
    web = stack.start_web()
    port = stack.engine.url.port
    visitors = [stack.visitor() for _ in range(40)]
    for number, visitor in enumerate(visitors):
        assert visitor.sign_up(f"visitor{number}").status == 302
        visitor.log_in(f"visitor{number}@example.com")
        visitor.get("/")
    of_each = [connections(pid, port) for pid in web.children()]
    assert len(of_each) == 4
    assert sum(map(bool, of_each)) > 1
    assert sum(map(len, of_each)) == len(set().union(*of_each))
    assert not connections(web.popen.pid, port)


@pytest.mark.parametrize(("setting", "pages", "forms"), [("", 2, 2), ("5", 3, 2)])
def test_every_second_process_is_for_forms(
    make_stack: Callable[..., Stack], setting: str, pages: int, forms: int
) -> None:
    stack = make_stack()
    web = stack.start_uwsgi(WEB_PROCESSES=setting)
    expected = [(False, True)] * forms + [(True, False)] * pages

    def is_split() -> bool:
        with suppress(OSError):  # a child that ended
            return sorted(listening(pid, stack.pages_port, stack.forms_port) for pid in web.children()) == expected
        return False

    wait_until(is_split, 20, "each process listens at one port")


def test_every_answer_has_every_header_once(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    uwsgi = stack.start_web()
    visitor = stack.visitor()
    answers = [visitor.get(path) for path in ("/", SIGN_UP, "/nope", "/static/site.css", "/static/nope")]
    answers += [visitor.sign_up("alice"), visitor.log_in("alice@example.com"), visitor.post("/accounts/signup/")]
    uwsgi.stop()
    answers.append(visitor.get("/"))
    assert [answer.status for answer in answers] == [200, 200, 404, 200, 404, 302, 302, 400, 503]
    for answer in answers:
        names = [name for name, _ in answer.headers.items()]
        assert not [name for name in names if names.count(name) > 1 and name != "Set-Cookie"]
        assert {*HEADERS.items()} < {*answer.headers.items()}
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


@pytest.mark.requirement(40)
def test_a_hundred_megabytes_of_body_take_no_memory_of_ours(site: Stack) -> None:
    visitor = site.visitor()
    for _ in range(8):  # so that all processes have loaded what they need to answer
        assert [each.status for each in (visitor.get(SIGN_UP), visitor.get(LOG_IN), visitor.post(SIGN_UP))] == [200] * 3
    before = memory(site.web)
    for head in ("Content-Length: 104857600", "Transfer-Encoding: chunked"):
        with socket.create_connection((HOST, site.port), timeout=20) as connection:
            connection.sendall(f"POST {SIGN_UP} HTTP/1.1\r\nHost: {HOST}\r\n{head}\r\n\r\n".encode())
            part = b"100000\r\n" + b"x" * 1048576 + b"\r\n" if "chunked" in head else b"x" * 1048576
            for _ in range(100):
                connection.sendall(part)
            assert connection.recv(100).startswith(b"HTTP/1.1 413")
    assert visitor.post(SIGN_UP, **{f"field{number}": "" for number in range(40_000)}).status == 413
    assert visitor.get(SIGN_UP).status == 200
    assert memory(site.web) - before < 4000


def test_however_many_sign_up_at_once_a_process_keeps_the_memory_of_one_hash(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(ARGON2_PARAMETERS="")
    web = stack.start_web()

    def sign_up(client: int, turn: int) -> list[int]:
        return [stack.visitor().sign_up(f"user{turn}.{client}.{number}").status for number in range(10)]

    largest = []
    for turn in range(2):
        with ThreadPoolExecutor(8) as clients:
            statuses = Counter(itertools.chain(*clients.map(sign_up, range(8), [turn] * 8)))
        assert statuses[302] + statuses[503] == 80  # on a slow machine some would wait too long for their hash
        assert statuses[302] > 40
        largest.append(max(shares(web)))
    assert largest[1] < 85_000
    assert largest[1] < largest[0] * 1.05


@pytest.fixture(scope="module")
def tls_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """Return where nginx listens, with nothing behind it."""
    folder = tmp_path_factory.mktemp("tls")
    tls = Tls(folder)
    with nginx(folder, free_port(), free_port(), free_port(), **tls.names):
        yield tls


@pytest.mark.requirement(22, 24)
def test_over_tls_everything_is_strict(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    stack = make_stack(PUBLIC_URL=tls.url)
    stack.start_web(**tls.names)
    redirect = stack.visitor().get("/accounts/login/?next=/")
    assert (redirect.status, redirect.headers["Location"]) == (308, f"{tls.url}/accounts/login/?next=/")

    visitor = TlsVisitor(tls)
    answers = [visitor.get(path) for path in ("/", SIGN_UP, "/nope", "/static/site.css", "/static/nope")]
    answers.append(visitor.sign_up("alice"))  # no Referer: the form is refused, over TLS only
    assert [answer.status for answer in answers] == [200, 200, 404, 200, 404, 400]
    for answer in answers:
        assert {*(HEADERS | HSTS).items()} < {*answer.headers.items()}
    assert {"__Host-session"} == {*visitor.cookies}

    stranger = tls.context()
    stranger.check_hostname = False
    with socket.create_connection((HOST, tls.port)) as plain, pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        stranger.wrap_socket(plain, server_hostname="evil.example")


@pytest.mark.requirement(52)
@pytest.mark.parametrize(
    "weakness",
    [
        {"maximum_version": ssl.TLSVersion.TLSv1},
        {"maximum_version": ssl.TLSVersion.TLSv1_1},
        {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "AES128-SHA:AES256-SHA:AES128-GCM-SHA256"},
        {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE+AES:!AESGCM:!AESCCM"},
        {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "aNULL:eNULL"},
    ],
    ids=["TLS 1.0", "TLS 1.1", "no forward secrecy", "no authenticated encryption", "no certificate"],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_weak_tls_is_refused(tls_site: Tls, weakness: dict[str, Any]) -> None:
    context = tls_site.context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = weakness["maximum_version"]
    context.set_ciphers(weakness.get("ciphers", "ALL") + ":@SECLEVEL=0")
    with socket.create_connection((HOST, tls_site.port), timeout=10) as plain, pytest.raises(ssl.SSLError) as error:
        context.wrap_socket(plain, server_hostname="localhost")
    assert re.search("ALERT|UNEXPECTED_EOF", str(error.value))  # from there, not because a cipher is missing here
