"""What `make bench` measures, and what is written about it."""

import re
import sys

from benchmarks.figures import FIGURES
from benchmarks.report import show_table
from benchmarks.rows import Row, Value

from tests.processes import ROOT


def test_a_target_is_reached_from_its_own_side() -> None:
    more, less = Row("rate", "/s", at_least=10), Row("memory", " MB", at_most=10)
    assert (more.score(20), more.score(5), less.score(5), less.score(20)) == (2, 0.5, 2, 0.5)
    assert (more.target, less.target, Row("stated").target) == (">= 10/s", "<= 10 MB", "-")
    assert Row("stated").score(1) is None


def test_the_table_shows_the_median_its_spread_and_its_note() -> None:
    values = [Value(3, "third"), Value(1, "first"), Value(2, "second")]
    table = show_table({"start": [[value] for value in values]})
    assert table.splitlines()[-1] == (
        "| create_app() with its imports, CPU | 2.00 s | 1.00 to 3.00 | <= 1 s | no | second |"
    )


def test_the_results_have_a_line_for_each_row_that_does_not_take_long() -> None:
    lines = re.findall(r"^\| (.+?) \|", (ROOT / "benchmarks/RESULTS.md").read_text(), re.MULTILINE)
    assert lines[2:] == [row.what for figure in FIGURES.values() if not figure.is_long for row in figure.rows]


def test_the_docs_name_every_figure() -> None:
    named = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/speed.md").read_text(), re.MULTILINE)
    assert named == list(FIGURES)


def test_the_library_that_draws_is_not_loaded_here_as_it_changes_how_python_imports() -> None:
    assert "pygal" not in sys.modules
