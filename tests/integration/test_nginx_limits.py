"""Who is held back by nginx: one IPv4 address or IPv6 network, and nobody else."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integration.edge import STRANGER, ask, send_raw
from tests.processes import HOST

BALANCER = f"set_real_ip_from {HOST};\nreal_ip_header X-Forwarded-For;\n"


@pytest.fixture
def site(start_nginx: Callable[..., Any], tmp_path: Path) -> SimpleNamespace:
    """Return nginx, without uWSGI, which takes a visitor's IP address from a load balancer on this machine."""
    (tmp_path / "proxies.d").mkdir()
    (tmp_path / "proxies.d/balancer.conf").write_text(BALANCER)
    site: SimpleNamespace = start_nginx(with_uwsgi=False)
    return site


def count(site: SimpleNamespace, addresses: list[str]) -> int:
    """Return how many forms, one from each IP address, get through."""
    statuses = [ask(site.port, "/", "POST", X_Forwarded_For=address).status for address in addresses]
    assert set(statuses) <= {503, 429}
    return statuses.count(503)


def count_at_once(site: SimpleNamespace, path: str, times: int) -> int:
    """Return how many requests, sent over one connection, get through."""
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-For: 192.0.2.1\r\n"
    answers = send_raw(site.port, f"{head}\r\n" * (times - 1) + f"{head}Connection: close\r\n\r\n")
    assert answers.count(b"HTTP/1.1 ") == times
    return times - answers.count(b"HTTP/1.1 429")


@pytest.mark.requirement(53)
@pytest.mark.parametrize(
    ("pattern", "last"),
    [
        ("192.0.2.1", "192.0.2.2"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("2001:db8::{:x}", "2001:db8:0:1::1"),
        ("2001:db8:a:b:c:d:e:{:x}", "2001:db8:a:c::1"),
        ("2001:db8:0:d0a:{:x}::1", "2001:db8:0:d0b::1"),
    ],
)
def test_one_visitor_is_an_ipv4_address_or_an_ipv6_network(site: SimpleNamespace, pattern: str, last: str) -> None:
    assert 40 <= count(site, [pattern.format(number) for number in range(160)]) < 150
    assert count(site, [last]) == 1


@pytest.mark.requirement(53)
def test_an_ipv4_address_is_the_same_visitor_in_either_spelling(site: SimpleNamespace) -> None:
    assert count(site, ["192.0.2.9", "::ffff:192.0.2.9"] * 80) < 150


@pytest.mark.requirement(72)
def test_an_owner_of_many_ipv6_networks_is_limited_too(site: SimpleNamespace) -> None:
    networks = [f"2001:db8:0:{number:x}::1" for number in range(400)]
    assert 80 <= count(site, networks) < 390
    assert count(site, ["2001:db8:1::1"]) == 1
    assert count(site, [f"198.51.100.{number}" for number in range(100)]) == 100


@pytest.mark.requirement(72)
@pytest.mark.parametrize(
    ("method", "pattern", "most"),
    [
        ("PUT", "192.0.2.1", 6),
        ("POST", "192.0.2.1", 6),
        ("PUT", "2001:db8:0:{:x}::1", 8),
        ("POST", "2001:db8:0:{:x}::1", 8),
    ],
)
def test_slow_requests_of_one_client_do_not_take_every_thread(
    site: SimpleNamespace, method: str, pattern: str, most: int
) -> None:
    head = f"{method} / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\nX-Forwarded-For: {pattern}\r\n\r\nhalf"
    ask_now = lambda address: ask(site.port, "/", method, X_Forwarded_For=address).status  # noqa: E731
    with ExitStack() as exits:
        for number in range(most):
            assert ask_now(pattern.format(99)) == 503
            half = exits.enter_context(socket.create_connection((HOST, site.port)))
            half.sendall(head.format(number).encode())
            time.sleep(0.2)  # until nginx has read it
        assert ask_now(pattern.format(99)) == 429
        assert ask_now("198.51.100.1") == 503
        other = "PUT" if method == "POST" else "POST"
        assert ask(site.port, "/", other, X_Forwarded_For=pattern.format(99)).status == 503


@pytest.mark.requirement(72)
@pytest.mark.parametrize(("path", "burst"), [("/", 200), ("/static/site.css", 400)])
def test_pages_and_files_are_limited_too(site: SimpleNamespace, path: str, burst: int) -> None:
    assert burst <= count_at_once(site, path, 2 * burst) < 2 * burst - 10
    assert ask(site.port, path, X_Forwarded_For="192.0.2.2").status in {200, 503}


def test_a_greedy_address_is_told_to_wait_and_others_are_not(start_nginx: Callable[..., Any]) -> None:
    site = start_nginx()
    forms = [ask(site.port, "/", "POST", STRANGER) for _ in range(160)]
    assert 40 <= sum(answer.status == 200 for answer in forms) < 160
    refused = next(answer for answer in forms if answer.status == 429)
    assert refused.headers["Retry-After"] == "10"
    assert "Too many attempts" in refused.text
    assert ask(site.port, "/", "POST", "127.0.0.3").status == 200
    assert ask(site.port, "/", "GET", STRANGER).status == 200


@pytest.mark.requirement(54)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_monitor_is_limited_too(start_nginx: Callable[..., Any], path: str) -> None:
    site = start_nginx()
    answers = [ask(site.port, path, source=STRANGER).status for _ in range(60)]
    assert 20 <= answers.count(200) < 50
    assert ask(site.port, path, source="127.0.0.3").status == 200
    assert ask(site.port, "/", source=STRANGER).status == 200
