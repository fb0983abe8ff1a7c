"""What the tests prove: `python -m tests.proofs` writes the first table of docs/security.md, and that of the defects in
docs/parity.md.

The tests say it themselves, by `@pytest.mark.requirement(7)` and `@pytest.mark.defect("D16")`. They are read as text,
so that no plugin and no server is needed to write the docs.
"""

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.processes import ROOT
from tests.security.requirements import REQUIREMENTS

TESTS, SECURITY, PARITY = ROOT / "tests", ROOT / "docs/security.md", ROOT / "docs/parity.md"
HEAD = """\
# Security requirements

This page is for people who review the security.

Each requirement names the tests that prove it. The tests are in the folder `tests/`. `make test` runs most of them.
`make test-browser` and `make test-pages` run those in `browser/`, `make test-compose` and `make test-operations`
those in `compose/`. `make docs` writes the table.

| no. | requirement | result | remark | tests |
| --- | --- | --- | --- | --- |
"""
DEFECT = re.compile(r"^\| (D\d+) \| (.*) \| [^|]* \|$", re.MULTILINE)


def find_marks(test: ast.FunctionDef, marker: str) -> Iterator[object]:
    """Yield the arguments of each such marker of a test."""
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{marker}":
            yield from map(ast.literal_eval, decorator.args)


@functools.cache
def find_proofs(marker: str) -> dict[object, list[str]]:
    """Return the tests, as `file::test` below tests/, by what they are marked with."""
    proofs = defaultdict(list)
    for file in sorted(TESTS.rglob("test_*.py")):
        text = file.read_text()
        for node in ast.parse(text).body if f"mark.{marker}(" in text else ():
            if isinstance(node, ast.FunctionDef):
                for mark in find_marks(node, marker):
                    proofs[mark].append(f"{file.relative_to(TESTS)}::{node.name}")
    return dict(proofs)


def names(tests: list[str]) -> str:
    """Return these tests for a table."""
    return "<br>".join(f"`{test}`" for test in tests)


def security_page() -> str:
    """Return docs/security.md with the table of all requirements; the sections below it stay."""
    proofs = find_proofs("requirement")
    rows = []
    for number, (asks, remark) in REQUIREMENTS.items():
        tests = proofs.get(number, [])
        rows.append(f"| {number} | {asks} | {'pass' if tests else 'open'} | {remark} | {names(tests)} |\n")
    _, heading, sections = SECURITY.read_text().partition("\n## ")
    return HEAD + "".join(rows) + heading + sections


def parity_page() -> str:
    """Return docs/parity.md with the tests of each defect in its table."""
    proofs = find_proofs("defect")
    return DEFECT.sub(lambda row: f"| {row[1]} | {row[2]} | {names(proofs.get(row[1], []))} |", PARITY.read_text())


if __name__ == "__main__":
    SECURITY.write_text(security_page())
    PARITY.write_text(parity_page())
