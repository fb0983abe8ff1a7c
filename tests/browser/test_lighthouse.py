"""Lighthouse's four scores, as for a phone: nothing less than all of them."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.browser.npm import find_package
from tests.browser.site import Site
from tests.processes import find_program

SCORES = dict.fromkeys(("performance", "accessibility", "best-practices", "seo"), 100)
FLAGS = "--headless --no-sandbox --disable-gpu"


@pytest.mark.alone
@pytest.mark.parametrize("path", ["/", "/accounts/signup/", "/accounts/login/"])
def test_a_page_for_new_visitors_has_all_points(site: Site, tmp_path: Path, path: str) -> None:
    report = tmp_path / "report.json"
    command = [find_program("node"), find_package("lighthouse/cli/index.js"), f"{site.url}{path}", "--quiet"]
    options = [f"--only-categories={','.join(SCORES)}", "--output=json", f"--output-path={report}"]
    environ = {"CHROME_PATH": find_program("chromium"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run([*command, *options, f"--chrome-flags={FLAGS}"], check=True, env=environ, timeout=110)
    found = json.loads(report.read_text())
    failed = [each["title"] for each in found["audits"].values() if each["score"] is not None and each["score"] < 0.9]
    assert {name: round(each["score"] * 100) for name, each in found["categories"].items()} == SCORES, failed
