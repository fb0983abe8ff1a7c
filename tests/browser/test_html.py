"""What all pages together have to be: valid, small, all of them visited, and linked to pages that exist."""

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from tests.browser.chromium import is_document, open_browser
from tests.browser.npm import find_package
from tests.browser.site import Site
from tests.browser.states import NOT_PAGES, STATES
from tests.processes import ROOT, find_program

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("walk")]  # the first test waits for the walk
CSS = ROOT / "src/flaskcelery/static/site.css"


@dataclass
class Walk:
    """What is left of a walk through all states."""

    pages: dict[str, str] = field(default_factory=dict)  # the HTML by the state's name
    paths: set[str] = field(default_factory=set)  # that were asked for
    links: dict[str, str] = field(default_factory=dict)  # the state that shows a link, by its path


@pytest.fixture(scope="module")
def walk(site: Site, chromium: Browser) -> Iterator[Walk]:
    """Walk through all states."""
    walk = Walk()
    for state in STATES:
        with open_browser(chromium, site.url) as (context, watch), state.shown(site, context) as (page, response):
            walk.pages[state.name] = response.text()
            walk.paths |= {each.url.removeprefix(site.url) for each in watch.requests if is_document(each)}
            hrefs = page.locator("a[href]").evaluate_all("all => all.map(each => each.getAttribute('href'))")
            if state.who == "boss":
                walk.links |= {href.partition("#")[0]: state.name for href in hrefs if href.startswith("/")}
    return walk


def test_every_page_is_valid_html_and_the_style_sheet_valid_css(walk: Walk, tmp_path: Path) -> None:
    vnu = find_package("vnu-jar/build/dist/vnu.jar")
    for name, text in walk.pages.items():
        (tmp_path / f"{name}.html").write_text(text)
    (tmp_path / "site.css").write_text(CSS.read_text())
    command = [find_program("java"), "-jar", vnu, "--format", "json", "--also-check-css", "--skip-non-html", tmp_path]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    messages = json.loads(result.stderr)["messages"]
    found = [f"{Path(each['url']).name}: {each['message']}" for each in messages if each["type"] != "info"]
    assert found == [], "\n".join(found)


def test_every_rule_of_the_url_map_is_visited_or_no_page(site: Site, walk: Walk) -> None:
    rules = {rule.rule for rule in site.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    site_map, visited = site.app.url_map.bind("127.0.0.1"), set()
    for path in walk.paths:
        try:
            visited.add(site_map.match(path.partition("?")[0], return_rule=True)[0].rule)
        except (HTTPException, RequestRedirect):
            continue
    assert rules - visited - NOT_PAGES.keys() == set()
    assert NOT_PAGES.keys() <= rules


def test_every_link_leads_to_a_page(site: Site, chromium: Browser, walk: Walk) -> None:
    with open_browser(chromium, site.url) as (context, _):
        site.log_in(context, "boss")
        statuses = {path: context.request.get(path).status for path in walk.links}
    assert {path: walk.links[path] for path, status in statuses.items() if status >= 400} == {}


def test_the_style_sheet_is_small_and_no_page_has_a_script_or_a_style_of_its_own(walk: Walk) -> None:
    css = CSS.read_bytes()
    assert len(css) <= 10_000
    assert len(gzip.compress(css)) <= 3_000
    for name, text in walk.pages.items():
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", text), name
