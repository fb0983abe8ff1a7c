"""Row 43: many clients that are slow on purpose do not keep the others waiting."""

import socket
import statistics
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.processes import HOST
from tests.security.conftest import Site

CLIENTS = 400
HEAD = "Host: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
WAYS = {
    "headers": ("GET / HTTP/1.1\r\n" + HEAD, b"X-A: b\r\n"),
    "body": ("POST /accounts/login/ HTTP/1.1\r\n" + HEAD + "Content-Length: 60000\r\n\r\n", b"x"),
    "reading": (("GET /static/site.css HTTP/1.1\r\n" + HEAD + "\r\n") * 200, b""),
}


@pytest.fixture(params=WAYS)
def attack(request: pytest.FixtureRequest, stack: Site) -> Iterator[str]:
    """Hold many connections open, each a little busy; most of them must have been let in."""
    start, drip = WAYS[request.param]
    stop = threading.Event()
    with ExitStack() as exits:
        sockets = []
        for _ in range(CLIENTS):
            one = exits.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            one.connect((HOST, stack.port))
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.send(start.format(host=f"{HOST}:{stack.port}").encode())
            sockets.append(one)

        def keep_on() -> None:
            while drip and not stop.wait(0.5):
                for one in sockets:
                    with suppress(OSError):
                        one.send(drip)

        thread = threading.Thread(target=keep_on)
        thread.start()
        yield request.param
        stop.set()
        thread.join()


@pytest.mark.flaky
@pytest.mark.requirement(43)
def test_a_log_in_is_quick_while_hundreds_are_slow(stack: Site, attack: str, record: Callable[[str], None]) -> None:
    stack.sign_up(f"slow-{attack}")  # an account can log in 60 times an hour
    seconds = []
    for _ in range(30):
        answer = stack.visitor().log_in(f"slow-{attack}@example.com")
        assert answer.status == 302
        seconds.append(answer.seconds)
    record(f"{CLIENTS} are slow in {attack}: median {statistics.median(seconds):.3f} s, at most {max(seconds):.3f} s")
    assert max(seconds) < 1
