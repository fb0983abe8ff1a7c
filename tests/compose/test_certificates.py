"""TLS of compose.production.yaml: a certificate comes and is renewed by itself. Its ACME server is Pebble."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.compose.deployment import Deployment
from tests.processes import HOST, free_port, wait_until

pytestmark = pytest.mark.timeout(300)

NAME = "www.example.test"


@pytest.fixture(scope="module")
def tls_site(fresh: Deployment) -> Iterator[Deployment]:
    """Return the deployment with TLS; web and what is behind it run on as they are."""
    before = dict(fresh.environ)
    files = "compose.yaml:compose.production.yaml:tests/compose/override.yaml:tests/compose/acme.yaml"
    fresh.environ |= {"COMPOSE_FILE": files, "SERVER_NAME": NAME, "HTTPS_PORT": str(free_port())}
    fresh.environ |= {"MAIL_SERVER": "mail.example.test", "MAIL_DEFAULT_SENDER": f"noreply@{NAME}"}
    try:
        for services in (["nginx", "acme"], ["certificates"]):
            fresh.compose("up", "-d", "--wait", "--no-deps", "--build", *services)
        yield fresh
    finally:
        fresh.compose("rm", "--stop", "--force", "certificates", "acme")
        fresh.environ = before
        fresh.compose("up", "-d", "--wait", "--no-deps", "nginx")


def connect(site: Deployment, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return a new TLS connection to the site."""
    connection = socket.create_connection((HOST, int(site.environ["HTTPS_PORT"])), 10)
    return context.wrap_socket(connection, server_hostname=NAME)


def ask(site: Deployment, path: str) -> tuple[int, str | None]:
    """Send a request without TLS; return status and location."""
    with closing(HTTPConnection(HOST, site.port, timeout=10)) as connection:
        connection.request("GET", path, headers={"Host": NAME})
        response = connection.getresponse()
        return response.status, response.headers["Location"]


def test_the_certificate_is_valid_and_browsers_get_http_2(tls_site: Deployment) -> None:
    root = tls_site.execute("nginx", "curl", "-ks", "--noproxy", "*", "https://acme:15000/roots/0")
    context = ssl.create_default_context(cadata=root)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connect(tls_site, context) as connection:
        assert connection.selected_alpn_protocol() == "h2"
    inside = ("curl", "-ks", "--http2", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_version} %{http_code}")
    assert tls_site.execute("nginx", *inside, f"https://{NAME}:8443/static/site.css") == "2 200"


def test_it_is_renewed_and_served_without_a_restart(tls_site: Deployment) -> None:
    context = ssl._create_unverified_context()  # noqa: S323  it only compares
    started = tls_site.inspect("nginx")["State"]["StartedAt"]

    def serve() -> bytes | None:
        with connect(tls_site, context) as connection:
            return connection.getpeercert(binary_form=True)

    first = serve()
    wait_until(lambda: serve() != first, 120, "another certificate")
    assert tls_site.inspect("nginx")["State"]["StartedAt"] == started


@pytest.mark.requirement(24)
def test_http_is_redirected_except_for_challenges(tls_site: Deployment) -> None:
    assert ask(tls_site, "/accounts/login/?next=/") == (308, f"https://{NAME}/accounts/login/?next=/")
    assert ask(tls_site, "/.well-known/acme-challenge/unknown") == (404, None)


@pytest.mark.parametrize("service", ["nginx", "certificates"])
def test_its_containers_run_without_powers(tls_site: Deployment, service: str) -> None:
    tls_site.check_powers(service)
