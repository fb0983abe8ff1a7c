"""Lighthouse's four scores, as for a phone: all points, for the pages that new visitors see."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.browser.npm import find_package
from tests.browser.site import Site
from tests.processes import find_program

SCORES = dict.fromkeys(("performance", "accessibility", "best-practices", "seo"), 100)
TRIES = 3  # a busy machine is slow by itself
OPTIONS = ["--quiet", "--output=json", f"--only-categories={','.join(SCORES)}"]
FLAGS = "--chrome-flags=--headless --no-sandbox --disable-gpu"


def run_lighthouse(url: str, folder: Path) -> dict[str, Any]:
    """Return Lighthouse's report about a page."""
    command = [find_program("node"), find_package("lighthouse/cli/index.js"), url, *OPTIONS, FLAGS]
    environ = {"CHROME_PATH": find_program("chromium"), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    result = subprocess.run(command, check=True, env=environ, timeout=90, capture_output=True, text=True)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


@pytest.mark.alone
@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", ["/", "/accounts/signup/", "/accounts/login/"])
def test_a_page_for_new_visitors_has_all_points(site: Site, tmp_path: Path, path: str) -> None:
    for _ in range(TRIES):
        report = run_lighthouse(f"{site.url}{path}", tmp_path)
        scores = {name: round(each["score"] * 100) for name, each in report["categories"].items()}
        if scores == SCORES:
            return
    lost = [each["title"] for each in report["audits"].values() if each["score"] is not None and each["score"] < 1]
    assert scores == SCORES, lost


def test_search_engines_are_told_what_is_public(site: Site) -> None:
    answer = site.visitor().get("/robots.txt")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert lines[0] == "User-agent: *"
    assert all(line.startswith(("Disallow: /", "Allow: /")) for line in lines[1:] if line)
