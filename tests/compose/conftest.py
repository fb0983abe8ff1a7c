"""One deployment for all tests of this folder; without Docker they are skipped, or fail where CI=true."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import chromium  # noqa: F401  the fixture
from tests.compose.deployment import SERVICES, Deployment
from tests.processes import miss

FIGURES: list[str] = []


@pytest.fixture(scope="session")
def fresh() -> Iterator[Deployment]:
    """Return the deployment, just started for the first time."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], check=False, capture_output=True).returncode:
        miss("Docker Engine with Compose v2 is missing.")
    deployment = Deployment()
    try:
        seconds = deployment.up("--build")
        FIGURES.append(f"fresh start, images built: {seconds:.0f} s")
        assert seconds < 120
        yield deployment
    finally:
        deployment.end()


@pytest.fixture
def site(fresh: Deployment, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """Return the deployment, healthy whatever the last test did to it."""
    fresh.wait_until_healthy()
    began = time.monotonic()
    yield fresh
    FIGURES.append(f"{request.node.name}: {time.monotonic() - began:.0f} s")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was measured."""
    if FIGURES:
        terminalreporter.section("measured")
        for figure in FIGURES:
            terminalreporter.line(figure)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show the end of every service's log with a test that failed."""
    report = yield
    site = getattr(item, "funcargs", {}).get("site")
    if report.failed and site and report.when == "call":
        report.sections.append(("containers", site.compose("ps", "-a")))
        report.sections += [(name, site.compose("logs", "--no-color", "--tail", "25", name)) for name in SERVICES]
    return report
