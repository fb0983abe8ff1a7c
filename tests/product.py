"""A copy of the checkout that becomes a product, as its owner would change it. `make test-product` tests it."""

import re
import subprocess
import tempfile
from pathlib import Path

from tests.processes import ROOT
from tests.rename import NAME, commit, copy_checkout, rename
from tests.reword import reword_all
from tests.tutorial import follow

LOGO = "<img src=\"{{ url_for('static', filename='logo.svg') }}\" alt=\"\">"


def make_product(folder: Path) -> None:
    """Give a copy of the checkout two products, then a name, words, a logo and settings of its own."""
    copy_checkout(folder)
    follow(folder)
    follow(folder, "tests/lending.md")
    commit(folder)
    rename(folder).check_returncode()
    package = folder / "src" / NAME
    reword_all(package)
    (folder / "tests/functional/test_parity.py").unlink()
    (package / "static/logo.svg").write_text("<svg/>")
    base = package / "templates/base.html"
    base.write_text(base.read_text().replace('<header class="top">', f'<header class="top">{LOGO}'))
    [example] = re.findall(r"^    SITE_NAME=.*(?:\n    .*)*", (ROOT / "README.md").read_text(), re.MULTILINE)
    (folder / ".env").write_text(example.replace("    ", ""))


def main() -> None:
    """Run the checks and the fast tests in a product."""
    with tempfile.TemporaryDirectory() as name:
        make_product(Path(name))
        subprocess.run(["make", "check", "test-fast"], cwd=name, check=True)


if __name__ == "__main__":
    main()
