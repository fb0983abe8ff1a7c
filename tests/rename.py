"""A copy of the checkout with another name. `make test-rename` runs `make check` and `make test-fast` in it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.processes import ROOT

NAME = "zebra"  # sorted behind all other imports

COMMIT = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "commit", "--quiet", "--message", "Copy")


def run(folder: Path, *command: str) -> str:
    """Return what a command prints; it must succeed. It imports the copy's package."""
    environ = {**os.environ, "PYTHONPATH": "src"}
    done = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def copy_checkout(folder: Path) -> None:
    """Copy all files but those that git ignores, and commit them."""
    for name in run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")[:-1]:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for words in (("init", "--quiet"), ("add", "--all"), COMMIT):
        run(folder, "git", *words)


def rename(folder: Path, name: str = NAME) -> subprocess.CompletedProcess[str]:
    """Do what `make rename` does."""
    command = [sys.executable, "-m", "tools.rename", name]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


def main() -> None:
    """Rename a copy, then check and test it."""
    with tempfile.TemporaryDirectory() as name:
        copy_checkout(Path(name))
        rename(Path(name)).check_returncode()
        subprocess.run(["make", "check", "test-fast"], cwd=name, check=True)


if __name__ == "__main__":
    main()
