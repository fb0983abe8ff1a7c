"""`make rename NAME=yourname` renames the project everywhere: package, commands, metrics, databases, tests and docs."""

import keyword
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

KEPT = "LICENSE"  # the license requires its copyright notice to stay


def run(*command: str | Path) -> str:
    """Return what a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def match_words(*words: str) -> re.Pattern[str]:
    """Match whole words; an underscore ends a word, as in the names of metrics."""
    return re.compile(rf"(?<![^\W_])({'|'.join(words)})(?![^\W_])")


def find_problem(name: str) -> str | None:
    """Return why the project cannot get this name now."""
    if not re.fullmatch("[a-z][a-z0-9]{2,14}", name):
        return "The name must have 3 to 15 lowercase letters or digits, and begin with a letter."
    code = "".join(path.read_text() for path in Path("src").rglob("*.py"))
    if keyword.iskeyword(name) or find_spec(name) or match_words(name).search(code.lower()):
        return f"Python or the code already uses the word {name}. Choose another name."
    if not Path(".git").exists():
        return "This folder is not a git checkout."
    if run("git", "status", "--porcelain"):
        return "Commit or stash your changes first."
    return None


def main(new: str) -> None:
    """Rename the project and stage the change, or exit with a sentence."""
    if problem := find_problem(new):
        sys.exit(f"Nothing was renamed. {problem}")
    old = tomllib.loads(Path("pyproject.toml").read_text())["project"]["name"]
    names = {old: new, old.upper(): new.upper(), old.title(): new.title()}
    for path in map(Path, run("git", "ls-files", "-z").rstrip("\0").split("\0")):
        content = path.read_bytes()
        if path.name != KEPT and b"\0" not in content:  # a picture has zero bytes
            path.write_bytes(match_words(*names).sub(lambda found: names[found[0]], content.decode()).encode())
    run("git", "mv", f"src/{old}", f"src/{new}")
    ruff = Path(sys.executable).with_name("ruff")  # the new name has another length, and another place in the imports
    run(ruff, "check", "--quiet", "--fix-only", "--select", "I", ".")
    run(ruff, "format", "--quiet", ".")
    run("git", "add", "--all")
    sys.stdout.write(f"{old} is now {new}. Next: make check, then git add --all and git commit.\n")


if __name__ == "__main__":
    main(sys.argv[1])
