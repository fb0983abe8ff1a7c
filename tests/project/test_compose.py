"""What compose.yaml says of the application, read as text; tests/compose runs it."""

import re
from pathlib import Path

import pytest

from flaskcelery.config.checks import load_config
from flaskcelery.config.settings import SETTINGS
from flaskcelery.outbox.heartbeat import STOP_GRACE
from tests.processes import ROOT


def test_compose_passes_every_setting_and_secrets_as_files() -> None:
    text = (ROOT / "compose.yaml").read_text()
    block = text[text.index("    APP_ENV:") : text.index("    PAGES_SOCKET:")]
    names = set(re.findall(r"^    ([A-Z0-9_]+):", block, re.MULTILINE))
    assert names == {f"{setting.name}_FILE" if setting.secret else setting.name for setting in SETTINGS}


def test_a_stop_is_given_more_time_than_the_longest_task(tmp_path: Path) -> None:
    graces = re.findall(r"stop_grace_period: \$\{STOP_GRACE:-(\d+)s\}", (ROOT / "compose.yaml").read_text())
    config, _ = load_config({"INSTANCE_PATH": str(tmp_path)})
    assert len(graces) == 2
    assert min(map(int, graces)) > config["TASK_TIME_LIMIT"] + STOP_GRACE


def test_only_nginx_publishes_a_port() -> None:
    text = (ROOT / "compose.yaml").read_text()
    [ports] = re.finditer(r"^    ports:", text, re.MULTILINE)
    assert re.findall(r"^  (\w+):$", text[: ports.start()], re.MULTILINE)[-1] == "nginx"


def test_nginx_takes_the_load_balancers_from_the_folder_beside_its_configuration() -> None:
    assert "ln -sfn $from/nginx.conf $from/proxies.d $to\n" in (ROOT / "deploy/nginx/run").read_text()
    assert "include proxies.d/*.conf;" in (ROOT / "deploy/nginx/nginx.conf").read_text()


@pytest.mark.requirement(55)
def test_each_network_holds_only_those_that_talk_to_each_other() -> None:
    text = (ROOT / "compose.yaml").read_text()
    found = re.findall(r"^  (\w+):\n(?:(?:    .*|)\n)*?    networks: \[(.*)\]", text, re.MULTILINE)
    assert {name: networks.split(", ") for name, networks in found} == {
        "migrate": ["back"],
        "web": ["front", "back", "metrics"],
        "worker": ["back", "mail"],
        "relay": ["back", "mail"],
        "nginx": ["edge", "front", "metrics"],
        "db": ["back"],
        "redis": ["back"],
        "mail": ["mail"],
    }
    networks = text[text.index("\nnetworks:\n") : text.index("\nvolumes:")]
    internal = set(re.findall(r"^  (\w+): {internal: (?:true|\"\${BACK_INTERNAL:-true}\")}", networks, re.MULTILINE))
    assert internal == {"front", "back", "metrics"}


@pytest.mark.requirement(53)
def test_ipv6_is_published_only_together_with_a_network_that_has_it() -> None:
    """Without one, Docker's proxy makes one client of all IPv6 visitors."""
    for name in ("compose.yaml", "compose.production.yaml"):
        text = (ROOT / name).read_text()
        ports = re.search(r"^    ports:.*\[(.*)\]", text, re.MULTILINE)[1].split(", ")  # type: ignore[index]
        assert all(re.match(r'"(0\.0\.0\.0|127\.0\.0\.1):', port) for port in ports), name
    ipv6 = (ROOT / "compose.ipv6.yaml").read_text()
    assert re.search(r'ports: \["\[::\]:.*\n\nnetworks:\n  edge:\n    enable_ipv6: true', ipv6)
