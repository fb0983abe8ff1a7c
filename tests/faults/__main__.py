"""The driver: `python -m tests.faults` runs every scenario, and exits with 1 when one missed something."""

import argparse
import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.faults import report
from tests.faults.checks import Result
from tests.faults.environment import Postgres, build_network
from tests.faults.matrix import UNPROTECTED, load_scenarios
from tests.faults.run import run_scenario
from tests.faults.scenarios import SCENARIOS, Scenario

DATABASES = ["sqlite", "postgres"]
HANGS_AFTER = 120  # seconds of one scenario, after which it prints where each thread is
MARK = "FAULTS_INSIDE"  # set in our own namespaces
ISOLATE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def main() -> int:
    """Run the chosen scenarios in namespaces that end with their driver, however it ends."""
    load_scenarios()
    arguments = parse()
    if arguments.list:
        print("\n".join(SCENARIOS))
        return 0
    if MARK not in os.environ:
        return isolate(DATABASES if not (arguments.database or arguments.unprotected) else [arguments.database])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what runs as process 1 has to say so
    build_network()
    results = list(run(arguments))
    print(report.table(results))
    noticed = [bool(result.missed) for result in results]
    return not all(noticed) if arguments.unprotected else any(noticed)


def isolate(databases: list[str]) -> int:
    """Run the scenarios of several databases side by side, in namespaces of their own; return the highest exit code."""
    Path("/run/netns").mkdir(exist_ok=True)
    command, inside = [*ISOLATE, sys.executable, "-m", "tests.faults", *sys.argv[1:]], {**os.environ, MARK: "1"}
    if len(databases) == 1:
        os.execvpe("unshare", command, inside)
    drivers = [subprocess.Popen([*command, "--database", database], env=inside) for database in databases]
    return max(driver.wait() for driver in drivers)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=SCENARIOS, metavar="SCENARIO", help="may be given several times"
    )
    parser.add_argument("--database", choices=DATABASES)
    parser.add_argument("--seeds", type=int, default=1, help="how many times, each with other names")
    parser.add_argument(
        "--unprotected",
        choices=[*UNPROTECTED, "all"],
        help="leave out a protection: the scenario that is there for it has to miss something, or the exit code is 1",
    )
    parser.add_argument("--json", type=Path, help="a file that gets a line for each scenario: see report.py")
    parser.add_argument("--list", action="store_true", help="print the names of all scenarios")
    return parser.parse_args()


def choose(arguments: argparse.Namespace) -> list[tuple[Scenario, str, str]]:
    """Return each scenario that is asked for, with its database and the protection to leave out."""
    if arguments.unprotected:
        names = UNPROTECTED if arguments.unprotected == "all" else [arguments.unprotected]
        return [(SCENARIOS[UNPROTECTED[name][0]], UNPROTECTED[name][1], name) for name in names]
    wanted = [scenario for scenario in SCENARIOS.values() if scenario.name in (arguments.only or SCENARIOS)]
    databases = [arguments.database] if arguments.database else DATABASES
    return [(scenario, database, "") for database in databases for scenario in wanted if database in scenario.databases]


def run(arguments: argparse.Namespace) -> Iterator[Result]:
    """Run the chosen scenarios; each result is printed and kept as soon as it is there."""
    chosen = choose(arguments)
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        postgres = Postgres(Path(name)) if any(database == "postgres" for _, database, _ in chosen) else None
        for scenario, database, unprotected in chosen:
            for seed in range(1, arguments.seeds + 1):
                faulthandler.dump_traceback_later(HANGS_AFTER)
                result = run_scenario(scenario, postgres if database == "postgres" else None, seed, unprotected)
                print(report.line(result), flush=True)
                if arguments.json:
                    with arguments.json.open("a") as lines:
                        lines.write(json.dumps({**result.as_dict(), "unprotected": unprotected}) + "\n")
                yield result


sys.exit(main())
