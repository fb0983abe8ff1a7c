"""The most telling scenarios of the fault suite; `make faults` runs all of them, on both databases."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.processes import ROOT, find_program, miss

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]  # the first test waits for all scenarios

NEEDED = ("unshare", "ip", "iptables", "setpriv", "redis-server", "redis-cli", "nginx", "initdb", "smtp-sink")
SCENARIOS = {
    "sqlite": ("worker_killed_after_claim", "redis_flushed", "release_rolled_over"),
    "postgres": ("smtp_4xx_to_rcpt", "web_killed_before_publish", "worker_killed_after_250"),
}
DRIVER = [sys.executable, "-m", "tests.faults"]


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
def missed(_environment: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the scenarios of both databases side by side; return what each one missed, with all that was printed."""
    folder = tmp_path_factory.mktemp("faults")
    with ExitStack() as exits:
        drivers = [exits.enter_context(driver(folder, database)) for database in SCENARIOS]
        for running in drivers:
            running.wait(280)
    return {name: text for database in SCENARIOS for name, text in read(folder, database)}


@contextmanager
def driver(folder: Path, database: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the scenarios of one database; all that the driver started ends with it."""
    chosen = [word for scenario in SCENARIOS[database] for word in ("--only", scenario)]
    command = [*DRIVER, "--database", database, "--json", str(folder / f"{database}.json"), *chosen]
    with (folder / f"{database}.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


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


def test_the_suite_notices_when_a_protection_is_gone() -> None:
    """Without the claim each copy of a message is an email: the scenario has to say so."""
    command = [*DRIVER, "--unprotected", "claim"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "I4" in done.stdout
