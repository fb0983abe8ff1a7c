"""The table of results: for the terminal, and for docs/delivery.md by `python -m tests.faults.report FILE`."""

import json
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from tests.faults.checks import Result
from tests.processes import ROOT, find_program

HEAD = (
    "scenario",
    "database",
    "lost",
    "for nothing",
    "duplicates",
    "failed",
    "recovery",
    "drained",
    "p99",
    "slowest",
    "fired",
)
TITLE = "## Measured results"
LEGEND = (
    "`make faults` measured these results, and `make docs` wrote them here. No email was lost, and none was sent for",
    "nothing, unless a row says **missed**. `2 of 6, 8.3 s, 0.6 s` means:",
    "",
    "- 2 emails were sent twice. This test allows 6. Where `of 6` is missing, none is allowed.",
    "- 8.3 s after the end of the fault, new emails arrived as fast as usual.",
    "- 99 % of the sign-ups took at most 0.6 s, even during the fault.",
    "",
    "Each fault is a function in `tests/faults/matrix_*.py`. Its docstring explains the fault.",
)
PROGRAMS = {"Redis": "redis-server --version", "Postgres": "postgres --version", "nginx": "nginx -v"}
DATABASES = {"sqlite": "SQLite", "postgres": "Postgres"}


def columns(result: Result) -> tuple[str, ...]:
    """Return one result as the terminal shows it."""
    counts = result.lost, result.for_nothing, f"{result.duplicates} of {result.allowed}", result.failed
    times = f"{result.recovery:.1f} s", f"{result.drained:.1f} s", f"{result.p99:.1f} s", f"{result.slowest:.1f} s"
    return (result.scenario, result.database, *map(str, counts), *times, result.fired)


def line(result: Result) -> str:
    """Return one result for the terminal, with all that it missed."""
    verdict = "MISSED" if result.missed else "ok"
    return "\n    ".join([f"{verdict:7}{' | '.join(columns(result))} | {result.seconds:.0f} s", *result.missed])


def table(results: list[Result]) -> str:
    """Return all results for the terminal."""
    rows = [HEAD, *map(columns, results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    missed = sum(bool(result.missed) for result in results)
    return "\n".join(["", *lines, "", f"{len(results)} scenarios, {missed} missed something"])


def markdown(results: list[Result]) -> str:
    """Return the table for the docs: a line for each fault, with the date and what it was measured with."""
    by_scenario = groupby(sorted(results, key=lambda result: result.scenario), key=lambda result: result.scenario)
    lines = [f"Measured on {datetime.now(UTC):%Y-%m-%d} with {versions()}."]
    lines += ["", *LEGEND]
    lines += ["", f"| fault | {' | '.join(DATABASES.values())} |", "| --- | --- | --- |"]
    for scenario, group in by_scenario:
        runs = list(group)
        told = [_sum_up([run for run in runs if run.database == database]) for database in DATABASES]
        lines.append(f"| {scenario.replace('_', ' ')} | {' | '.join(told)} |")
    return "\n".join(lines)


def _sum_up(runs: list[Result]) -> str:
    """Return what several runs of a scenario on one database came to: `duplicates of events, recovery, sign-ups`."""
    if not runs:
        return "-"
    twice, events = (sum(getattr(run, name) for run in runs) for name in ("duplicates", "allowed"))
    verdict = "**missed** " if any(run.missed for run in runs) else ""
    recovery, p99 = (max(getattr(run, name) for run in runs) for name in ("recovery", "p99"))
    return f"{verdict}{twice}{f' of {events}' if events else ''}, {recovery:.1f} s, {p99:.1f} s"


def versions() -> str:
    """Return the versions of all parts."""
    found = {name: _version_of(command) for name, command in PROGRAMS.items()}
    found["Postfix"] = _version_of("postconf -d mail_version")
    found |= {"uWSGI": version("pyuwsgi"), "Python": platform.python_version(), "Celery": version("celery")}
    return ", ".join(f"{name} {number}" for name, number in found.items())


def _version_of(command: str) -> str:
    program, *words = command.split()
    done = subprocess.run([find_program(program), *words], check=True, capture_output=True, text=True)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "?"


def read(path: Path) -> list[Result]:
    """Return the results that a file holds; not those of runs that did without a protection."""
    kept = [json.loads(text) for text in path.read_text().splitlines()]
    return [Result(**{name: run[name] for name in Result.__annotations__}) for run in kept if not run["unprotected"]]


def write(results: list[Result]) -> None:
    """Put the table at the end of docs/delivery.md, in place of the one that is there."""
    page = ROOT / "docs" / "delivery.md"
    text = page.read_text().partition(TITLE)[0].rstrip()
    page.write_text(f"{text}\n\n{TITLE}\n\n{markdown(results)}\n")


if __name__ == "__main__":
    write(read(Path(sys.argv[1])))
