"""What compose.yaml says of the application; tests/compose runs it."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from flaskcelery.config.checks import load_config
from flaskcelery.config.settings import SETTINGS
from flaskcelery.health import probe
from flaskcelery.outbox.heartbeat import STOP_GRACE
from tests.processes import ROOT

FILES = ("compose.yaml", *(f"compose.{name}.yaml" for name in ("production", "certificate", "proxy", "ipv6", "image")))


class Loader(yaml.SafeLoader):
    """Reads YAML with the tags of Compose."""


Loader.add_constructor("!override", Loader.construct_sequence)
Loader.add_constructor("!reset", lambda *_: None)


def load(name: str) -> dict[str, Any]:
    """Return what a Compose file says; a service has an empty list for what it does not say."""
    found: dict[str, Any] = yaml.load((ROOT / name).read_text(), Loader)  # noqa: S506  a SafeLoader
    return {**found, "services": {name: defaultdict(list, service) for name, service in found["services"].items()}}


SERVICES = load("compose.yaml")["services"]


def test_compose_passes_every_setting_and_secrets_as_files() -> None:
    text = (ROOT / "compose.yaml").read_text()
    block = text[text.index("    APP_ENV:") : text.index("    PAGES_SOCKET:")]
    names = set(re.findall(r"^    ([A-Z0-9_]+):", block, re.MULTILINE))
    assert names == {f"{setting.name}_FILE" if setting.secret else setting.name for setting in SETTINGS}


def test_a_stop_is_given_more_time_than_the_longest_task(tmp_path: Path) -> None:
    graces = re.findall(r"stop_grace_period: \$\{(?:JOBS_)?STOP_GRACE:-(\d+)s\}", (ROOT / "compose.yaml").read_text())
    config, _ = load_config({"INSTANCE_PATH": str(tmp_path)})
    assert len(graces) == 3
    assert min(map(int, graces)) > config["TASK_TIME_LIMIT"] + STOP_GRACE


def test_a_health_check_has_time_to_ask_each_pool_of_web() -> None:
    seconds = int(SERVICES["web"]["healthcheck"]["timeout"].removesuffix("s"))
    assert seconds > len(probe.PORTS) * probe.TIMEOUT


def test_nginx_has_few_processes_however_many_cores_the_host_has() -> None:
    """With `auto`, 64 cores would take all the memory that the container may have."""
    [processes] = re.findall(r"^worker_processes (\w+);", (ROOT / "deploy/nginx/nginx.conf").read_text(), re.MULTILINE)
    assert int(processes) * 2 <= int(SERVICES["nginx"]["mem_limit"].removesuffix("m")) / 4  # 2 MB for each one


def test_only_nginx_and_the_mail_catcher_publish_a_port_and_to_this_machine_alone() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports.keys() == {"nginx", "mail"}
    assert all(port.startswith("127.0.0.1:") for published in ports.values() for port in published)


def test_one_service_builds_each_image_and_the_others_wait_for_it() -> None:
    """Where several build one tag, the first start fails with Docker's present store of images."""
    assert {service["image"].split(":")[0]: name for name, service in SERVICES.items() if "build" in service} == {
        "flaskcelery": "web",
        "flaskcelery-init": "init",
    }
    built = {name for name, service in SERVICES.items() if service["image"].startswith("flaskcelery")}
    assert built == {name for name, service in SERVICES.items() if service.get("pull_policy") == "never"}
    assert not [service["image"] for service in SERVICES.values() if service["image"].endswith(":latest")]


def test_published_images_replace_each_image_that_is_built_here() -> None:
    published = load("compose.image.yaml")["services"]
    assert published.keys() == {
        name for name, service in SERVICES.items() if service["image"].startswith("flaskcelery")
    }
    assert not [name for name, service in published.items() if service.get("build")]


def test_nothing_that_a_release_changes_is_mounted_as_a_file() -> None:
    """git replaces files, and a mount would keep the old one."""
    volumes = [volume for name in FILES for service in load(name)["services"].values() for volume in service["volumes"]]
    sources = {volume.split(":")[0] for volume in volumes if volume.startswith((".", "/dev"))}
    assert {source for source in sources if not (ROOT / source).is_dir()} == {"./deploy/database.sql"}  # read once


def test_health_checks_obey_no_proxy() -> None:
    tests = [str(service["healthcheck"]) for name in FILES for service in load(name)["services"].values()]
    assert all('--noproxy "*"' in test for test in tests if "curl" in test)
    assert not [test for test in tests if "wget" in test]


def test_nginx_takes_what_a_machine_adds_from_the_folders_beside_its_configuration() -> None:
    included = re.findall(r"include (\w+\.d)/", (ROOT / "deploy/nginx/nginx.conf").read_text())
    [links] = re.findall(r"^ln -sfn (.*) \$to$", (ROOT / "deploy/nginx/run").read_text(), re.MULTILINE)
    assert set(links.split()) == {"$from/nginx.conf", *(f"$from/{name}" for name in set(included) - {"conf.d"})}
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {f"/deploy/nginx/{name}/" for name in set(included) - {"conf.d"}} <= set(ignored)


def test_scripts_run_in_the_old_bash_of_macos() -> None:
    """It lacks these words, and takes an empty array for an unset variable."""
    for name in ("backup", "rollout"):
        code = re.sub(r"^#.*", "", (ROOT / "deploy" / name).read_text(), flags=re.MULTILINE)
        assert not re.search(r"mapfile|readarray|declare|local -n|\w\+?=\((?!\()|\^\^|,,\}|&>>", code), name


@pytest.mark.requirement(55)
def test_each_network_holds_only_those_that_talk_to_each_other() -> None:
    text = (ROOT / "compose.yaml").read_text()
    found = re.findall(r"^  (\w+):\n(?:(?:    .*|)\n)*?    networks: \[(.*)\]", text, re.MULTILINE)
    assert {name: networks.split(", ") for name, networks in found} == {
        "migrate": ["back"],
        "web": ["front", "back", "metrics"],
        "worker": ["back", "mail"],
        "jobs": ["back", "mail"],
        "relay": ["back", "mail"],
        "nginx": ["edge", "front", "metrics"],
        "certificates": ["acme"],
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
    for name in ("compose.yaml", "compose.production.yaml", "compose.proxy.yaml"):
        text = (ROOT / name).read_text()
        ports = re.search(r"^    ports:.*\[(.*)\]", text, re.MULTILINE)[1].split(", ")  # type: ignore[index]
        assert all(re.match(r'"(0\.0\.0\.0|127\.0\.0\.1|\$\{HTTP_BIND:-127\.0\.0\.1\}):', port) for port in ports), name
    ipv6 = (ROOT / "compose.ipv6.yaml").read_text()
    assert re.search(r'ports: \["\[::\]:.*\n\nnetworks:\n  edge:\n    enable_ipv6: true', ipv6)
