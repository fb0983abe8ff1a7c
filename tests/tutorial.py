"""A page of recipes, such as docs/tutorial.md, followed word by word in a copy of the checkout."""

import re
import subprocess
from collections import Counter
from pathlib import Path

from tests.processes import ROOT

STEP = re.compile(r"^`(\S+)`:\n\n```(\w+)\n(.*?)^```$|^    (make migration [^\n]*)", re.DOTALL | re.MULTILINE)


def follow(folder: Path, page: str = "docs/tutorial.md", *, migrates: bool = True) -> None:
    """Write each file, make each change, and run each `make migration`."""
    for name, language, text, command in STEP.findall((ROOT / page).read_text()):
        if command and migrates:
            subprocess.run(command, shell=True, cwd=folder, check=True)  # noqa: S602  as a reader types it
        elif language == "diff":
            for hunk in text.split("@@\n"):
                change(folder / name, hunk.splitlines())
        elif name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)


def change(path: Path, diff: list[str]) -> None:
    """Apply a diff whose lines are found in one place of the file."""
    before, after = ("".join(f"{line[1:]}\n" for line in diff if line[:1] in f"{sign} ") for sign in "-+")
    text = path.read_text()
    assert text.count(before) == 1, f"{path.name} has {text.count(before)} places for:\n" + "\n".join(diff)
    path.write_text(text.replace(before, after))


def count_lines(page: str = "docs/tutorial.md") -> Counter[str]:
    """Return how many lines each part of a page adds outside templates, with those of all tests as "tests"."""
    counted: Counter[str] = Counter()
    for part in (ROOT / page).read_text().split("\n## "):
        for name, language, text, _ in STEP.findall(part):
            signs = [line[:1] for line in text.splitlines() if line.strip("+- ")]
            lines = signs.count("+") - signs.count("-") if language == "diff" else len(signs)
            heading = "tests" if name.startswith("tests/") else part.partition("\n")[0]
            counted[heading] += 0 if "/templates/" in name else lines
    return counted
