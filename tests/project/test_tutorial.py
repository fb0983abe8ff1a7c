"""docs/tutorial.md: each of its steps can be followed. `make test-product` also checks and tests the result."""

import re
from pathlib import Path

from tests.processes import BIN, ROOT
from tests.rename import copy_checkout, run
from tests.tutorial import count_lines, follow


def test_every_step_can_be_followed_and_is_formatted(tmp_path: Path) -> None:
    copy_checkout(tmp_path)
    follow(tmp_path, migrates=False)
    follow(tmp_path, "tests/lending.md", migrates=False)
    run(tmp_path, str(BIN / "ruff"), "check", ".")
    run(tmp_path, str(BIN / "ruff"), "format", "--check", ".")
    routes = run(tmp_path, str(BIN / "flask"), "routes")
    assert "/notes/" in routes
    assert "/library/borrow/" in routes


def test_the_tutorial_and_the_readme_tell_how_many_lines_it_takes() -> None:
    counted, tutorial = count_lines(), (ROOT / "docs/tutorial.md").read_text()
    told = re.findall(r"^\| \[?([^]|]+)\S* \| (\d+) \|$", tutorial, re.MULTILINE)
    assert {name: int(lines) for name, lines in told} == {name.lower(): lines for name, lines in (+counted).items()}
    assert f"{counted.total()} lines of code and tests" in (ROOT / "README.md").read_text()
    assert counted.total() < 150
