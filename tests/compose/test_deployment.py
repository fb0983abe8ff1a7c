"""A fresh deployment works without an edit, keeps what it must, shows no secret, and runs without powers."""

import json
import os
import re
import stat

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import open_browser
from tests.browser.person import Person
from tests.compose.conftest import FIGURES
from tests.compose.deployment import SERVICES, Deployment
from tests.processes import ROOT, wait_until

pytestmark = pytest.mark.timeout(300)
SECRETS = ["database_url", "celery_broker_url", "secret_key"]


@pytest.mark.defect("D12")
def test_a_visitor_signs_up_and_is_still_there_after_down_and_up(site: Deployment) -> None:
    assert site.visitor().sign_up("alice").status == 302
    wait_until(lambda: site.welcomed() == {"alice@example.com"}, 30, "the email")
    assert "To: alice@example.com\n" in site.run("make", "emails")
    before = site.query("SELECT id FROM users")
    site.compose("down")
    FIGURES.append(f"down and up: {site.up():.0f} s")
    assert site.query("SELECT id FROM users") == before
    visitor = site.visitor()
    assert visitor.log_in("alice@example.com").status == 302
    assert visitor.is_logged_in()


def test_a_person_signs_up_and_in_with_a_real_browser(site: Deployment, chromium: Browser) -> None:
    with open_browser(chromium, f"http://localhost:{site.port}") as (context, _):
        person = Person(context.new_page())
        person.sign_up("bea")
        wait_until(lambda: "bea@example.com" in site.welcomed(), 30, "the email")
        person.log_in("bea@example.com")
        person.log_out()


def test_a_second_make_up_replaces_nothing_and_says_again_where_all_is(site: Deployment) -> None:
    before = [site.containers(name) for name in SERVICES]
    places = site.run("deploy/up", "--build").splitlines()[-2:]
    assert places == [f"The site:   http://localhost:{site.port}", f"The emails: http://127.0.0.1:{site.mails_port}"]
    assert [site.containers(name) for name in SERVICES] == before


def test_make_up_shows_the_log_of_what_fails(site: Deployment) -> None:
    with pytest.raises(AssertionError, match=r"nginx-1 .*\[emerg\]"):
        site.run("deploy/up", SERVER_NAME="{")
    site.up()


@pytest.mark.requirement(50)
@pytest.mark.defect("D14")
def test_nobody_sees_the_secrets(site: Deployment) -> None:
    secrets = {site.execute("web", "cat", f"/secrets/{name}") for name in SECRETS}
    secrets |= {part for url in secrets for part in re.findall(r"[0-9a-f]{64}", url)}
    assert len(secrets) == 5
    history = site.run("docker", "history", "--no-trunc", f"flaskcelery:{site.name}")
    shown = [site.compose("config"), site.compose("logs"), history]
    for service in ("init", "migrate", *SERVICES):
        ids = site.compose("ps", "-aq", service).split()
        shown.append(site.run("docker", "inspect", *ids))
    for service in SERVICES:
        shown.append(site.run("docker", "top", site.containers(service)[0], "-o", "pid,args"))
    assert [text for secret in secrets for text in shown if secret in text] == []


@pytest.mark.parametrize("service", ["web", "db", "redis"])
def test_a_secret_is_readable_by_its_reader_alone(site: Deployment, service: str) -> None:
    uid = site.execute(service, "id", "-u")
    listing = site.execute(service, "sh", "-c", "stat -c '%a %u' /secrets/*")
    assert set(listing.splitlines()) == {f"600 {uid}"}


def test_a_second_init_keeps_the_secrets(site: Deployment) -> None:
    before = [site.execute("web", "cat", f"/secrets/{name}") for name in SECRETS]
    site.compose("run", "--rm", "-T", "init")
    assert [site.execute("web", "cat", f"/secrets/{name}") for name in SECRETS] == before


@pytest.mark.defect("D14")
@pytest.mark.parametrize("service", SERVICES)
def test_containers_run_without_powers(site: Deployment, service: str) -> None:
    site.check_powers(service)


def test_the_image_knows_the_age_of_its_base(site: Deployment) -> None:
    of = ("stat", "--format", "%Y", "/base-image", "/var/lib/dpkg/status")
    base, status = site.execute("worker", *of).split()
    assert base == status


def test_no_process_compiles_a_module_when_it_starts(site: Deployment) -> None:
    loaded = site.execute("worker", "python", "-v", "-c", "import wsgi, celery.apps.worker, flaskcelery.health.probe")
    assert re.findall("code object from .*[.]pyc'", loaded)
    assert re.findall("code object from '(.*[.]py)'", loaded) == []


@pytest.mark.requirement(51)
def test_the_image_lists_its_packages(site: Deployment) -> None:
    listed = {each["name"].lower() for each in json.loads(site.execute("web", "cat", "/sbom.json"))["components"]}
    packages = "import importlib.metadata as m; print(*[each.name.lower() for each in m.distributions()])"
    assert set(site.execute("web", "python", "-c", packages).split()) - {"pip"} <= listed


def test_the_image_holds_no_compiler_and_nothing_that_is_not_needed(site: Deployment) -> None:
    own_files = "find /app /venv -type f -user 10001"
    assert site.execute("web", "sh", "-c", f"command -v gcc cc make; {own_files}") == ""
    files = "__pycache__ celery_worker.py deploy migrations src static wsgi.py"
    assert site.execute("web", "ls", "-A", "/app").split() == files.split()


def test_more_containers_share_the_work(site: Deployment) -> None:
    site.up("--scale", "web=3", "--scale", "worker=2", "--no-recreate")
    for _ in range(60):
        assert site.status("/") == 200
    used = set(re.findall(r'"upstream":"([0-9.]+):3031"', site.compose("logs", "--since", "60s", "nginx")))
    assert len(used) == 3
    assert len(site.containers("worker")) == 2
    site.up()


def test_a_backup_brings_everything_back(site: Deployment) -> None:
    site.visitor().sign_up("keeper")
    file = ROOT / site.run("deploy/backup").strip()
    try:
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
        site.visitor().sign_up("latecomer")
        site.run("deploy/backup", "restore", str(file))
        site.up()
        assert site.count("users WHERE username = 'keeper'") == 1
        assert site.count("users WHERE username = 'latecomer'") == 0
        assert site.status("/readyz") == 200
    finally:
        file.unlink()
