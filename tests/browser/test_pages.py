"""Every page in every state: valid, accessible, made of three files, and without a complaint of the browser."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import is_document, open_browser
from tests.browser.measures import find_faults
from tests.browser.site import Site, run_site
from tests.browser.state import State
from tests.browser.states import FRESH, STATES
from tests.browser.validator import Validator
from tests.integration.visitor import LOG_IN, SIGN_UP


@pytest.fixture(scope="session")
def known_links() -> set[str]:
    """Return the links that were found to lead to a page."""
    return set()


@dataclass
class Inspector:
    """What looks at pages, with all our measures."""

    chromium: Browser
    validator: Validator
    known_links: set[str]

    def check(self, site: Site, state: State) -> None:
        """Look at a page in one state."""
        with open_browser(self.chromium, site.url) as (context, watch), state.shown(site, context) as (page, response):
            assert response.status == state.status, page.inner_text("main")
            parts = {request.url.partition("?")[0] for request in watch.requests if not is_document(request)}
            assert parts <= {f"{site.url}/static/site.css", f"{site.url}/static/icon.svg"}
            assert not re.search(r"<script|<style|\sstyle=|\son\w+=", response.text())
            faults = [*self.validator.find_errors(response.body()), *find_faults(page)]
            if state.who == "boss" and response.ok:
                faults += self.find_dead_links(page)
            assert not faults, "\n".join(faults)

    def find_dead_links(self, page: Page) -> list[str]:
        """Return the page's links to nowhere."""
        hrefs = page.locator("a[href]").evaluate_all("all => all.map(each => each.getAttribute('href'))")
        paths = {href.partition("#")[0] for href in hrefs if href.startswith("/")} - self.known_links
        dead = {path for path in paths if page.request.get(path).status >= HTTPStatus.BAD_REQUEST}
        self.known_links.update(paths - dead)
        return [f"leads to no page: {path}" for path in dead]


@pytest.fixture
def inspector(chromium: Browser, validator: Validator, known_links: set[str]) -> Inspector:
    """Return what looks at pages."""
    return Inspector(chromium, validator, known_links)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_page_is_valid_accessible_and_made_of_three_files(site: Site, inspector: Inspector, state: State) -> None:
    inspector.check(site, state)


@pytest.mark.parametrize("state", FRESH, ids=lambda state: state.name)
def test_a_page_of_a_fresh_site_is_valid_and_accessible(fresh_site: Site, inspector: Inspector, state: State) -> None:
    inspector.check(fresh_site, state)


@pytest.mark.parametrize("mode", ["invite", "closed"])
def test_the_pages_of_a_site_whose_sign_up_is_not_open(inspector: Inspector, tmp_path: Path, mode: str) -> None:
    with run_site(tmp_path, sample=False, SIGN_UP=mode) as site:
        for path, status in (("/", HTTPStatus.OK), (LOG_IN, HTTPStatus.OK), (SIGN_UP, HTTPStatus.FORBIDDEN)):
            inspector.check(site, State(path, path, status=status))
