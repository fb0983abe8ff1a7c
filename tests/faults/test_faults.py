"""The most telling scenarios of the fault suite; `make faults` runs all of them, on both databases."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.processes import ROOT, find_program, miss

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]  # the first test waits for all scenarios

NEEDED = ("unshare", "ip", "iptables", "setpriv", "redis-server", "redis-cli", "nginx", "initdb", "smtp-sink")
SCENARIOS = {
    "sqlite": ("worker_killed_after_claim", "redis_flushed", "release_rolled_over"),
    "postgres": ("smtp_4xx_to_rcpt", "web_killed_before_publish", "worker_killed_after_250"),
}
DRIVERS = {
    **{
        database: ["--database", database, *(word for scenario in chosen for word in ("--only", scenario))]
        for database, chosen in SCENARIOS.items()
    },
    "unprotected": ["--unprotected", "claim"],
}


@pytest.fixture(scope="module", autouse=True)
def _environment() -> None:
    """Skip where the environment cannot be built."""
    if os.getuid() != 0:
        miss("Only root can build the network of the fault suite.")
    for program in NEEDED:
        find_program(program)
    if subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], check=False).returncode:
        miss("This machine does not let root make namespaces, which the fault suite needs.")


@pytest.fixture(scope="module")
def finished(_environment: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """Run all drivers side by side; return the folder with what they printed and found, and how each one ended."""
    folder = tmp_path_factory.mktemp("faults")
    with ExitStack() as exits:
        drivers = {name: exits.enter_context(driver(folder, name)) for name in DRIVERS}
        return folder, {name: wait_for(folder, name, running) for name, running in drivers.items()}


@pytest.fixture(scope="module")
def missed(finished: tuple[Path, dict[str, int]]) -> dict[str, str]:
    """Return what each scenario missed, with all that was printed."""
    return {name: text for database in SCENARIOS for name, text in read(finished[0], database)}


@contextmanager
def driver(folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run some scenarios; all that the driver started ends with it."""
    command = [sys.executable, "-m", "tests.faults", "--json", str(folder / f"{name}.json"), *DRIVERS[name]]
    with (folder / f"{name}.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def wait_for(folder: Path, name: str, running: subprocess.Popen[bytes]) -> int:
    """Return how a driver ended; fail with all that it printed if it hangs."""
    with suppress(subprocess.TimeoutExpired):
        return running.wait(280)
    pytest.fail(f"{name} hangs: {(folder / f'{name}.log').read_text(errors='replace')}")


def read(folder: Path, database: str) -> Iterator[tuple[str, str]]:
    """Return the name of each scenario that ran, and the text of what it missed."""
    log = (folder / f"{database}.log").read_text(errors="replace")
    results = folder / f"{database}.json"
    for line in results.read_text().splitlines() if results.exists() else ():
        result = json.loads(line)
        yield result["scenario"], "\n".join([*result["missed"], log]) if result["missed"] else ""


@pytest.mark.defect("D5")
def test_worker_killed_in_mid_task_loses_no_email(missed: dict[str, str]) -> None:
    """Whoever is killed with a row in hand: the lease ends, and somebody else sends."""
    assert missed["worker_killed_after_claim"] == ""


@pytest.mark.defect("D6")
def test_temporary_smtp_failures_are_retried(missed: dict[str, str]) -> None:
    """A 4xx costs time, not the email."""
    assert missed["smtp_4xx_to_rcpt"] == ""


@pytest.mark.parametrize("scenario", [*SCENARIOS["sqlite"][1:], *SCENARIOS["postgres"][1:]])
def test_no_email_is_lost_and_none_is_sent_for_nothing(missed: dict[str, str], scenario: str) -> None:
    """The invariants hold, and the fault has really happened."""
    assert missed[scenario] == ""


def test_the_suite_notices_when_a_protection_is_gone(finished: tuple[Path, dict[str, int]]) -> None:
    """Without the claim each copy of a message is an email: the scenario has to say so."""
    folder, codes = finished
    printed = (folder / "unprotected.log").read_text()
    assert codes["unprotected"] == 0, printed
    assert "I4" in printed
