"""docs/tutorial.md: each of its steps can be followed. `make test-product` also checks and tests the result."""

from pathlib import Path

from tests.processes import BIN
from tests.rename import copy_checkout, run
from tests.tutorial import follow


def test_every_step_can_be_followed_and_is_formatted(tmp_path: Path) -> None:
    copy_checkout(tmp_path)
    follow(tmp_path, migrates=False)
    run(tmp_path, str(BIN / "ruff"), "check", ".")
    run(tmp_path, str(BIN / "ruff"), "format", "--check", ".")
    assert "/notes/" in run(tmp_path, str(BIN / "flask"), "routes")
