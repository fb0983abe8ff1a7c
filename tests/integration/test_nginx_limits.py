"""Who is held back by nginx: one IPv4 address or IPv6 network, and nobody else."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integration.edge import STRANGER, ask
from tests.processes import HOST, wait_until

BALANCER = f"set_real_ip_from {HOST};\nreal_ip_header X-Forwarded-For;\n"


@pytest.fixture
def site(start_nginx: Callable[..., Any]) -> SimpleNamespace:
    """Return nginx, which takes a visitor's IP address from a load balancer on this machine."""
    site: SimpleNamespace = start_nginx()
    (site.folder / "proxies.d").mkdir()
    (site.folder / "proxies.d/balancer.conf").write_text(BALANCER)
    site.nginx.popen.send_signal(1)  # SIGHUP, as `nginx -s reload`
    is_believed = lambda: ask(site.port, "/", X_Forwarded_For="192.0.2.1").text.count("192.0.2.1") > 1  # noqa: E731
    wait_until(is_believed, 20, "nginx believes the load balancer")
    return site


def count(site: SimpleNamespace, addresses: list[str]) -> int:
    """Return how many forms, one from each IP address, get through."""
    answers = [ask(site.port, "/", "POST", X_Forwarded_For=address) for address in addresses]
    assert {answer.status for answer in answers} <= {200, 429}
    return sum(answer.status == 200 for answer in answers)


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
    assert 40 <= count(site, [pattern.format(number) for number in range(80)]) < 70
    assert count(site, [last]) == 1


@pytest.mark.requirement(53)
def test_an_ipv4_address_is_the_same_visitor_in_either_spelling(site: SimpleNamespace) -> None:
    assert count(site, ["192.0.2.9", "::ffff:192.0.2.9"] * 40) < 70


def test_a_greedy_address_is_told_to_wait_and_others_are_not(start_nginx: Callable[..., Any]) -> None:
    site = start_nginx()
    forms = [ask(site.port, "/", "POST", STRANGER) for _ in range(60)]
    assert 40 <= sum(answer.status == 200 for answer in forms) < 60
    refused = next(answer for answer in forms if answer.status == 429)
    assert refused.headers["Retry-After"] == "10"
    assert "Too many attempts" in refused.text
    assert ask(site.port, "/", "POST", "127.0.0.3").status == 200
    assert ask(site.port, "/", "GET", STRANGER).status == 200
    assert 429 in {ask(site.port, "/", source=STRANGER).status for _ in range(400)}


@pytest.mark.requirement(54)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_monitor_is_limited_too(start_nginx: Callable[..., Any], path: str) -> None:
    site = start_nginx()
    answers = [ask(site.port, path, source=STRANGER).status for _ in range(60)]
    assert 20 <= answers.count(200) < 50
    assert ask(site.port, path, source="127.0.0.3").status == 200
    assert ask(site.port, "/", source=STRANGER).status == 200
