"""How fast is it, beside what is possible? `python -m benchmarks [FIGURE ...]`, in about ten minutes.

Every round measures each figure once, beside its limit. A complete table is also written to RESULTS.md. Figures that
take long are measured only when they are named, and once.
"""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks.bench import Bench, start_bench
from benchmarks.chart import draw_results
from benchmarks.figures import FIGURES
from benchmarks.report import Measured, show_table, write_results
from benchmarks.rows import Value

ROUNDS = 3
DEFAULT = [name for name, figure in FIGURES.items() if not figure.is_long]


def measure(bench: Bench, names: list[str], rounds: int) -> Measured:
    """Return the values of each figure, one list a round."""
    measured: Measured = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            if number and FIGURES[name].is_long:
                continue
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            if values := measure_one(bench, name):
                measured[name].append(values)
    return measured


def measure_one(bench: Bench, name: str) -> list[Value]:
    """Measure one figure once; return nothing where it failed, or where this machine lacks what it needs."""
    try:
        values = FIGURES[name].measure(bench)
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        print(f"*** {name} is left out: {error}", file=sys.stderr)
        return []
    bench.wait_until_idle()
    return values


def main() -> None:
    """Measure the figures that are named, or all that do not take long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    if unknown := set(arguments.figures) - FIGURES.keys():
        parser.error(f"no such figure: {', '.join(sorted(unknown))}. There are: {', '.join(FIGURES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and so end everything that was started
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, start_bench(Path(folder)) as bench:
        measured = measure(bench, arguments.figures or DEFAULT, arguments.rounds)
    print(show_table(measured))
    if not all(measured.values()):
        sys.exit("*** The table is not complete.")
    if not arguments.figures:
        write_results(measured, load)
        draw_results(measured)
        print("Written: benchmarks/RESULTS.md, benchmarks/results.svg")


if __name__ == "__main__":
    main()
