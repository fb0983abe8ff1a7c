"""The commands of the docs and of deploy/systemd/, for those who do not use Docker Compose."""

import re
import shlex
from collections.abc import Callable
from configparser import ConfigParser

import pytest
from honcho.environ import parse_procfile

from tests.integration.stack import Stack
from tests.integration.test_check import SAFE
from tests.processes import BIN, HOST, ROOT
from tests.servers import SmtpServer, nginx

PARTS = ("web", "worker", "jobs", "relay")
PLATFORMS = (ROOT / "docs/platforms.md").read_text()
ROUTER = {"X-Forwarded-For": "8.8.8.8", "X-Forwarded-Proto": "http", "X_Forwarded_For": "6.6.6.6"}
SETTINGS = {**{name: value for name, value in SAFE.items() if name != "PUBLIC_URL"}, "ARGON2_PARAMETERS": ""}


def read_service(part: str) -> dict[str, str]:
    """Return what a unit of systemd says of its service."""
    unit = ConfigParser(interpolation=None)
    unit.read(ROOT / f"deploy/systemd/{part}.service")
    return dict(unit["Service"])


def test_a_platform_with_a_procfile(make_stack: Callable[..., Stack], smtp_server: SmtpServer) -> None:
    [block] = re.findall(r"```procfile\n(.*?)```", PLATFORMS, re.DOTALL)
    stack = make_stack("redis", "postgres", **SETTINGS)
    given = {
        "PORT": str(stack.port),
        "DATABASE_URL": stack.settings["DATABASE_URL"].replace("postgresql:", "postgres:"),
        "REDIS_URL": stack.settings["CELERY_BROKER_URL"],
        "CELERY_BROKER_URL": "",
        "PYTHONPATH": "src",
        "TRUSTED_PROXIES": "1",
    }
    started = {}
    for name, command in parse_procfile(block).processes.items():
        line = f"exec env {command}".replace("3032", str(stack.forms_port))
        started[name] = stack.run(name, shlex.join(["sh", "-c", line]), **given)
    assert started["release"].popen.wait(30) == 0
    started["worker"].wait_for_text("ready.")
    started["web"].wait_for_port(stack.port)

    visitor = stack.visitor()
    visitor.headers |= ROUTER
    assert visitor.sign_up("alice").status == 302
    smtp_server.wait_for(1)
    assert visitor.get("/metrics").status == 404
    assert stack.query("SELECT DISTINCT ip_address FROM audit_events") == [(ROUTER["X-Forwarded-For"],)]
    started["web"].popen.terminate()
    assert started["web"].popen.wait(30) == 0


def test_the_units_of_systemd(make_stack: Callable[..., Stack], smtp_server: SmtpServer) -> None:
    stack = make_stack("redis", **SETTINGS)
    sockets = {"PAGES_SOCKET": f"{HOST}:{stack.pages_port}", "FORMS_SOCKET": f"{HOST}:{stack.forms_port}"}
    for part in PARTS:
        command = read_service(part)["execstart"].replace("/srv/flaskcelery/.venv/bin", str(BIN)).replace("%%", "%")
        process = stack.run(part, command, **sockets)
        if part == "worker":
            process.wait_for_text("ready.")
    with nginx(stack.folder, stack.port, stack.pages_port, stack.forms_port):
        stack.sign_up("alice")
        smtp_server.wait_for(1)


@pytest.mark.parametrize("part", PARTS)
def test_systemd_waits_as_long_as_the_docs_and_compose_say(part: str) -> None:
    [seconds] = re.findall(rf"^\| {part} \|[^|]*\| (\d+) \|", PLATFORMS, re.MULTILINE)
    service = read_service(part)
    assert (service["timeoutstopsec"], service["killmode"]) == (seconds, "mixed")
    block = (ROOT / "compose.yaml").read_text().partition(f"\n  {part}:\n")[2]
    assert seconds in re.search(r"stop_grace_period: (.*?)s", block)[1]  # type: ignore[index]


def test_another_web_server(make_stack: Callable[..., Stack], smtp_server: SmtpServer) -> None:
    [command] = re.findall("^    (gunicorn .*)", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    stack = make_stack(**SETTINGS)
    for port, ours in (("3031", stack.pages_port), ("3032", stack.forms_port)):
        command = command.replace(f"0.0.0.0:{port}", f"{HOST}:{ours}")
    stack.run("gunicorn", command).wait_for_port(stack.forms_port)
    stack.start_worker().wait_for_text("ready.")
    with nginx(stack.folder, stack.port, stack.pages_port, stack.forms_port):
        visitor = stack.visitor()
        visitor.source = "127.0.0.5"
        assert visitor.sign_up("alice").status == 302
        smtp_server.wait_for(1)
    assert stack.query("SELECT DISTINCT ip_address FROM audit_events") == [("127.0.0.5",)]
