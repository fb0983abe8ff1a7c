"""A copy of the checkout with another name."""

import os
import shutil
import subprocess
import sys
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
    run(folder, "git", "init", "--quiet")
    commit(folder)


def commit(folder: Path) -> None:
    """Commit everything in a copy."""
    run(folder, "git", "add", "--all")
    run(folder, "git", *COMMIT)


def rename(folder: Path, name: str = NAME) -> subprocess.CompletedProcess[str]:
    """Do what `make rename` does."""
    command = [sys.executable, "-m", "tools.rename", name]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
