"""Releases, restarts and kills under load: no email is lost, no sign-up is half done, and all comes back by itself."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.conftest import FIGURES
from tests.compose.deployment import APP, Deployment
from tests.compose.load import SiteLoad
from tests.processes import ROOT, wait_until

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def load(site: Deployment) -> Iterator[SiteLoad]:
    """Return the load that runs during the test; at its end the books must be right."""
    site.execute("db", "psql", "-qU", "flaskcelery", "-c", "TRUNCATE users, outbox CASCADE")
    site.forget_emails()
    load = SiteLoad(site.port)
    with load.flowing():
        yield load
    site.check_books(load.accepted())
    FIGURES.append(f"  sign-ups: {dict(Counter(made.status for made in load.log))}, pages: {dict(load.looks)}")


def test_a_release_fails_no_request(site: Deployment, load: SiteLoad) -> None:
    before = {name: site.containers(name) for name in APP}
    for path in filter(Path.is_file, site.nginx_folder.rglob("*")):  # a new release of each, as git replaces it
        new = shutil.copy(path, path.with_name("new"))
        Path(new).write_text(f"{path.read_text()}# New.\n")
        Path(new).replace(path)
    began = time.monotonic()
    site.run("deploy/rollout")
    FIGURES.append(f"make deploy: {time.monotonic() - began:.0f} s")
    after = {name: site.containers(name) for name in APP}
    for name in APP:
        assert len(after[name]) == 1
        assert not set(before[name]) & set(after[name])
    site.compose("up", "-d")
    assert {name: site.containers(name) for name in APP} == after
    assert "# New." in site.execute("nginx", "cat", "/tmp/nginx/conf.d/http/site.conf")  # noqa: S108  the container's
    assert not load.failures()


def test_an_interrupted_release_is_healed_by_the_next_one(site: Deployment, load: SiteLoad) -> None:
    first = subprocess.Popen(["deploy/rollout"], cwd=ROOT, env=site.environ, start_new_session=True)
    wait_until(lambda: len(site.containers("web")) > 1, 120, "new containers")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    site.run("deploy/rollout")
    assert {len(site.containers(name)) for name in APP} == {1}
    assert not load.failures()


def test_a_release_that_does_not_start_leaves_the_old_one(site: Deployment, load: SiteLoad, tmp_path: Path) -> None:
    before = {name: site.containers(name) for name in APP}
    (tmp_path / "broken.yaml").write_text("services: {worker: {command: [celery, --nonsense]}}")
    files = f"{site.environ['COMPOSE_FILE']}:{tmp_path}/broken.yaml"
    with pytest.raises(AssertionError, match="the old one stays"):
        site.run("deploy/rollout", COMPOSE_FILE=files, ROLLOUT_PATIENCE="20")
    assert {name: site.containers(name) for name in APP} == before
    assert not load.failures()


def test_restarts_of_redis_fail_no_request(site: Deployment, load: SiteLoad) -> None:
    for _ in range(5):
        site.compose("restart", "redis")
        load.wait_for_more(5)
    assert not load.failures()


def test_a_restart_of_the_database_is_told_politely(site: Deployment, load: SiteLoad) -> None:
    load.wait_for_more(5)
    site.compose("restart", "db")
    wait_until(lambda: site.status("/readyz") == 200, 60, "ready again")
    load.wait_for_more(5)
    assert load.failures() <= {502, 503}


@pytest.mark.parametrize("service", ["worker", "relay", "redis"])
def test_a_kill_behind_the_scenes_fails_no_request(site: Deployment, load: SiteLoad, service: str) -> None:
    site.kill_main_process(service)
    assert not load.failures()


@pytest.mark.parametrize(("service", "statuses"), [("web", {502, 503}), ("db", {502, 503}), ("nginx", {0})])
def test_a_kill_on_the_way_is_told_politely(site: Deployment, load: SiteLoad, service: str, statuses: set[int]) -> None:
    site.kill_main_process(service)
    wait_until(lambda: site.status("/readyz") == 200, 30, "ready again")
    load.wait_for_more(5)
    assert load.failures() <= statuses


def test_frozen_containers_come_back(site: Deployment) -> None:
    began, since = time.monotonic(), {name: site.inspect(name)["State"]["StartedAt"] for name in APP}
    for process in [process for name in APP for process in site.processes(name)]:
        os.kill(process, signal.SIGSTOP)
    for name, seconds in (("web", 90), ("worker", 90), ("relay", 150)):
        site.wait_for_a_new_start(name, since[name], seconds)
        FIGURES.append(f"frozen {name}: back within {time.monotonic() - began:.0f} s")


def test_a_worker_survives_the_replacement_of_its_redis(site: Deployment) -> None:
    site.compose("rm", "--stop", "--force", "redis")
    began = time.monotonic()
    site.compose("up", "-d", "redis")
    done = site.count("outbox WHERE done_at IS NOT NULL")
    assert site.visitor().sign_up(f"after-{time.monotonic_ns()}").status == 302
    wait_until(lambda: site.count("outbox WHERE done_at IS NOT NULL") > done, 90, "the email")
    wait_until(lambda: site.inspect("worker")["State"]["Health"]["Status"] == "healthy", 90, "the worker")
    FIGURES.append(f"Redis replaced: all well after {time.monotonic() - began:.0f} s")


def test_a_stopped_database_is_told_politely(site: Deployment) -> None:
    site.compose("stop", "db")
    assert site.status("/healthz") == 200
    assert site.status("/readyz") == 503
    assert site.status("/") == 200
    answer = site.visitor().sign_up("unlucky")
    assert answer.status == 503
    assert "try again" in answer.text
    site.compose("start", "db")
    wait_until(lambda: site.status("/readyz") == 200, 60, "ready again")
    assert site.visitor().sign_up("lucky").status == 302
