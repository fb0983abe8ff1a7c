"""`make audit` and `make sbom`: no silence is taken for good news, and the list of components is complete."""

import json
import re

import pytest

from tests.audit import judge
from tests.processes import ROOT

GOOD = {"name": "flask", "version": "3.1.3", "vulns": []}
BAD = {"name": "redis", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "celery", "skip_reason": "Dependency not found on PyPI and could not be audited"}


@pytest.mark.requirement(51)
@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        (json.dumps({"dependencies": [GOOD]}), 0, "1 packages, no known vulnerability"),
        (json.dumps({"dependencies": [GOOD, BAD]}), 1, "redis 1.0: CVE-1, fixed in 1.1"),
        (json.dumps({"dependencies": [GOOD, UNKNOWN]}), 2, "NOT AUDITED: the database does not know 1 of 2 packages."),
        (json.dumps({"dependencies": [BAD, UNKNOWN]}), 2, "redis 1.0: CVE-1, fixed in 1.1"),
        (json.dumps({"dependencies": []}), 2, "NOT AUDITED"),
        ("", 2, "could not reach its database: connection refused"),
        ("null", 2, "NOT AUDITED"),
    ],
)
def test_a_package_that_nobody_has_looked_up_is_not_called_good(output: str, code: int, said: str) -> None:
    found, lines = judge(output, "connection refused")
    assert found == code
    assert said in "\n".join(lines)


@pytest.mark.requirement(51)
def test_what_makes_audits_and_lists_of_components_is_pinned() -> None:
    for group, package in (("scan", "pip-audit"), ("scan", "cyclonedx-bom"), ("sbom", "cyclonedx-bom")):
        assert re.search(f"^{package}==", (ROOT / f"requirements/{group}.txt").read_text(), re.MULTILINE)
