"""`make rename` in a copy of the checkout. `make test-product` also runs the checks and the fast tests there."""

import sys
import tomllib
from pathlib import Path

import pytest

from tests.processes import BIN, ROOT
from tests.rename import NAME, copy_checkout, rename, run

OLD = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout that keeps its name."""
    folder = tmp_path_factory.mktemp("checkout")
    copy_checkout(folder)
    return folder


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout that was renamed."""
    folder = tmp_path_factory.mktemp("renamed")
    copy_checkout(folder)
    done = rename(folder)
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        f"{OLD} is now {NAME}. Next: make check, then git add --all and git commit.",
    )
    return folder


def test_only_the_license_keeps_the_old_name(renamed: Path) -> None:
    assert run(renamed, "git", "grep", "-il", OLD).split() == ["LICENSE"]
    assert OLD not in run(renamed, "git", "ls-files").lower()


def test_the_whole_change_is_ready_to_commit(renamed: Path) -> None:
    run(renamed, "git", "diff", "--quiet")
    assert run(renamed, "git", "ls-files", "--others", "--exclude-standard") == ""
    assert f"R100 src/{OLD}/errors.py" in " ".join(run(renamed, "git", "diff", "--cached", "--name-status").split())


def test_a_renamed_checkout_is_formatted_and_works(renamed: Path) -> None:
    run(renamed, str(BIN / "ruff"), "check", ".")
    run(renamed, str(BIN / "ruff"), "format", "--check", ".")
    assert "outbox" in run(renamed, str(BIN / "flask"), "--help")
    assert "passed" in run(renamed, str(BIN / "python"), "-m", "pytest", "-q", "tests/functional/test_health.py")


def test_a_rename_installs_no_package_again(tmp_path: Path) -> None:
    copy_checkout(tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("bin/python", ".runtime", ".package", ".development"):
        (tmp_path / ".venv" / name).write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / ".venv/bin/python").chmod(0o755)
    run(tmp_path, "make", "rename", f"NAME={NAME}")
    steps = run(tmp_path, "make", "--dry-run", "check")
    assert "pip install -q --no-deps" in steps
    assert "-r requirements" not in steps


@pytest.mark.parametrize(
    "name", ["", "x", "my-shop", "Shop", "2shop", "nonlocal", "turtle", "flask", OLD, "tests", "users", "user"]
)
def test_a_name_that_would_break_the_code_is_refused(checkout: Path, name: str) -> None:
    done = rename(checkout, name)
    assert done.returncode == 1
    assert done.stderr.startswith("Nothing was renamed. ")
    assert len(done.stderr.splitlines()) == 1
    assert run(checkout, "git", "status", "--porcelain") == ""


def test_only_a_checkout_without_changes_is_renamed(checkout: Path) -> None:
    (checkout / "new.py").write_text("")
    assert rename(checkout).stderr == "Nothing was renamed. Commit or stash your changes first.\n"
    assert run(checkout, "git", "status", "--porcelain").split() == ["??", "new.py"]
    (checkout / ".git").rename(checkout / "elsewhere")
    assert rename(checkout).stderr == "Nothing was renamed. This folder is not a git checkout.\n"
