"""The table, and the files that a full run writes: RESULTS.md and results.svg."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.integration.stack import PROCFILE, UWSGI_INI
from tests.processes import ROOT, find_program

from benchmarks.figures import FIGURES
from benchmarks.rows import Row, Value

FOLDER = Path(__file__).parent
PACKAGES = ("flask", "sqlalchemy", "celery", "argon2-cffi", "psycopg", "pyuwsgi")
PROGRAMS = {"nginx": "-v", "postgres": "--version", "redis-server": "--version"}
HEAD = "| figure | median | lowest to highest | target | reached | of the median round |\n| --- |" + " --- |" * 5
Measured = dict[str, list[list[Value]]]  # by figure, of each round, of each row


def find_rows(measured: Measured) -> list[tuple[Row, list[Value]]]:
    """Return each row with its values, lowest first."""
    rows = []
    for name, rounds in measured.items():
        for row, *values in zip(FIGURES[name].rows, *rounds, strict=True):
            rows.append((row, sorted(values, key=lambda value: value.value)))
    return [(row, values) for row, values in rows if values]


def median(values: list[Value]) -> Value:
    """Return the value in the middle, with its note."""
    return values[(len(values) - 1) // 2]


def show_table(measured: Measured) -> str:
    """Return the table, as Markdown."""
    return "\n".join([HEAD, *(_show_row(row, values) for row, values in find_rows(measured))])


def _show_row(row: Row, values: list[Value]) -> str:
    low, middle, high = (_show(each.value) for each in (values[0], median(values), values[-1]))
    score = row.score(median(values).value)
    reached = "-" if score is None else "yes" if score >= 1 else "no"
    cells = (row.what, f"{middle}{row.unit}", f"{low} to {high}", row.target, reached, median(values).note)
    return f"| {' | '.join(cells)} |"


def _show(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def describe_machine(load: float) -> str:
    """Return the machine, the versions and the processes, as a list in Markdown."""
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    ini = (ROOT / UWSGI_INI).read_text()
    processes, threads = (re.findall(pattern, ini)[0] for pattern in (r"WEB_PROCESSES:-(\d+)", r"threads = (\d+)"))
    worker = re.findall(r"--concurrency (\d+)", PROCFILE["worker"])[0]
    packages = [f"{name} {version(name)}" for name in PACKAGES]
    programs = [f"{name} {_ask_version(name, flag)}" for name, flag in PROGRAMS.items()]
    return f"""\
- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load average before the start {load:.1f}
- {os.cpu_count()} cores of {names[0] if names else platform.machine()}, {memory:.0f} GiB of memory
- Linux {platform.release().partition("-")[0]}, Python {platform.python_version()}, {", ".join([*packages, *programs])}
- uWSGI: {processes} processes x {threads} threads; worker: {worker} processes"""


def _ask_version(name: str, flag: str) -> str:
    result = subprocess.run([find_program(name), flag], check=True, capture_output=True, text=True)
    return re.findall(r"\d+(?:\.\d+)+", result.stdout + result.stderr)[0]


def write_results(measured: Measured, load: float) -> None:
    """Write what was measured."""
    rounds = max(map(len, measured.values()))
    text = f"""\
# Results of `make bench`

[docs/speed.md](../docs/speed.md) says what each figure means. Servers and clients share the machine.

{describe_machine(load)}
- rounds: {rounds}; in each, every figure was measured once

{show_table(measured)}

![Each figure beside its target](results.svg)
"""
    (FOLDER / "RESULTS.md").write_text(text)
