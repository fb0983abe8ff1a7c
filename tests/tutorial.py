"""docs/tutorial.md, followed word by word in a copy of the checkout."""

import re
import subprocess
from pathlib import Path

from tests.processes import ROOT

STEP = re.compile(r"^`(\S+)`:\n\n```(\w+)\n(.*?)^```$|^    (make migration [^\n]*)", re.DOTALL | re.MULTILINE)


def follow(folder: Path, *, migrates: bool = True) -> None:
    """Write each file, make each change, and run each `make migration`."""
    for name, language, text, command in STEP.findall((ROOT / "docs/tutorial.md").read_text()):
        if command and migrates:
            subprocess.run(command, shell=True, cwd=folder, check=True)  # noqa: S602  as a reader types it
        elif language == "diff":
            change(folder / name, text.splitlines())
        elif name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)


def change(path: Path, diff: list[str]) -> None:
    """Apply a diff whose lines are found in one place of the file."""
    before, after = ("".join(f"{line[1:]}\n" for line in diff if line[:1] in f"{sign} ") for sign in "-+")
    text = path.read_text()
    assert text.count(before) == 1, f"{path.name} has {text.count(before)} places for:\n" + "\n".join(diff)
    path.write_text(text.replace(before, after))
