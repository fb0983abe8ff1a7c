"""What a container can do to its neighbours, and who is one client: IPv4 and IPv6 visitors."""

from collections.abc import Iterator
from http.client import HTTPConnection
from subprocess import run

import pytest

from tests.compose.deployment import Deployment
from tests.processes import find_program, free_port, wait_until

pytestmark = pytest.mark.timeout(300)

# Asks both ports of web for code, in uWSGI's own protocol, as `docker run ... python -c`.
ATTACK = """
import socket, struct
names = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_NAME": "x", "SERVER_PORT": "80"}
for number, file in enumerate(("/tmp/evil.py", "exec:///bin/touch /tmp/ran")):
    for port in (3031, 3032):
        more = {"REQUEST_URI": "/", "UWSGI_FILE": file, "UWSGI_APPID": f"x{number}{port}"}
        words = [word.encode() for item in {**names, **more}.items() for word in item]
        block = b"".join(struct.pack("<H", len(word)) + word for word in words)
        connection = socket.create_connection(("web", port), 5)
        connection.settimeout(2)
        connection.sendall(struct.pack("<BHB", 0, len(block), 0) + block)
        try:
            print(connection.recv(100))
        except OSError:
            print("no answer")
"""
CLIENTS = ("fd99:0:0:1::2", "fd99:0:0:2::2")


@pytest.mark.requirement(55)
@pytest.mark.parametrize("network", ["front", "metrics", "back"])
def test_a_container_in_a_network_of_web_runs_no_code_there(site: Deployment, network: str) -> None:
    site.execute("web", "sh", "-c", "echo \"open('/tmp/ran', 'w'); application = lambda *_: []\" >/tmp/evil.py")
    inside = ["--network", f"{site.name}_{network}", f"flaskcelery:{site.name}", "python", "-c", ATTACK]
    assert "200 OK" not in site.run("docker", "run", "--rm", *inside)
    assert site.execute("web", "sh", "-c", "ls /tmp/ran 2>/dev/null || true") == ""
    assert site.status("/") == 200


@pytest.mark.requirement(55)
@pytest.mark.parametrize(
    ("service", "has_way_out"),
    [("web", False), ("db", False), ("redis", False), ("worker", True), ("relay", True), ("nginx", True)],
)
def test_only_those_that_need_other_hosts_can_reach_them(site: Deployment, service: str, has_way_out: bool) -> None:
    networks = site.inspect(service)["NetworkSettings"]["Networks"]
    internal = site.run("docker", "network", "inspect", "-f", "{{.Internal}}", *networks).split()
    assert ("false" in internal) == has_way_out


def test_nginx_does_not_know_the_database(site: Deployment) -> None:
    assert site.execute("nginx", "sh", "-c", "getent hosts db redis mail || true") == ""


@pytest.mark.requirement(56)
def test_the_application_is_no_superuser_of_the_database(site: Deployment) -> None:
    assert site.query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == ["f"]
    has_password = "SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'postgres'"
    assert site.execute("db", "psql", "-U", "postgres", "-Atc", has_password) == "f"
    attempt = "COPY users (username) FROM PROGRAM 'id'"
    assert "permission denied" in site.execute("db", "sh", "-c", f'psql -U flaskcelery -c "{attempt}" 2>&1 || true')


@pytest.fixture
def ipv6_site() -> Iterator[Deployment]:
    """Return a deployment with compose.ipv6.yaml, and give this machine the clients' addresses."""
    version = run(["docker", "version", "-f", "{{.Server.Version}}"], check=True, capture_output=True, text=True).stdout
    if int(version.split(".")[0]) < 27:  # its proxy hides IPv6 addresses
        pytest.skip(f"Docker Engine 27 is missing, this is {version.strip()}.")
    site = Deployment()
    site.environ["COMPOSE_FILE"] += ":compose.ipv6.yaml"
    site.environ |= {"HTTPS_PORT": str(free_port()), "SERVER_NAME": "localhost"}
    ip = [find_program("ip"), "-6", "addr"]
    try:
        for address in CLIENTS:
            run([*ip, "add", f"{address}/128", "dev", "lo"], check=True)
        site.up("--build")
        yield site
    finally:
        site.end()
        for address in CLIENTS:
            run([*ip, "del", f"{address}/128", "dev", "lo"], check=False)


def post(site: Deployment, source: str) -> int:
    """Send a form from an IPv6 address; return the status."""
    connection = HTTPConnection(CLIENTS[0], site.port, timeout=20, source_address=(source, 0))
    connection.request("POST", "/accounts/login/", headers={"Host": "localhost"})
    return connection.getresponse().status


@pytest.mark.requirement(53)
def test_two_ipv6_visitors_are_two_clients(ipv6_site: Deployment) -> None:
    assert 429 in {post(ipv6_site, CLIENTS[0]) for _ in range(100)}
    assert post(ipv6_site, CLIENTS[1]) == 400  # without a CSRF token
    wait_until(lambda: all(f'"{address}"' in ipv6_site.compose("logs", "nginx") for address in CLIENTS), 10, "the log")
