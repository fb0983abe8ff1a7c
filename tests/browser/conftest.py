"""Fixtures of the browser tests: one site and one Chromium for all, a window with its own cookies for each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import open_browser, run_chromium
from tests.browser.person import Person
from tests.browser.site import Site, run_fresh_site, run_site
from tests.browser.validator import Validator, run_validator
from tests.processes import find_program


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return the browser program."""
    with run_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the site with people in it."""
    find_program("chromium")  # before anything is started in vain
    with run_site(tmp_path_factory.mktemp("site")) as running:
        yield running
        assert running.find_secrets() == []


@pytest.fixture(scope="session")
def fresh_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site with hardly anybody in it, where an email has to be confirmed before the first login."""
    find_program("chromium")
    with run_fresh_site(tmp_path_factory.mktemp("fresh")) as running:
        yield running


@pytest.fixture(scope="session")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validator]:
    """Return what checks HTML and CSS."""
    with run_validator(tmp_path_factory.mktemp("validator")) as validator:
        yield validator


@pytest.fixture
def make_person(site: Site, chromium: Browser) -> Iterator[Callable[..., Person]]:
    """Return a function that makes a person with a browser of their own; Chromium must complain about nothing."""
    with ExitStack() as exits:

        def make(**options: Any) -> Person:
            context, _ = exits.enter_context(open_browser(chromium, site.url, **options))
            return Person(context.new_page())

        yield make


@pytest.fixture
def person(make_person: Callable[..., Person]) -> Person:
    """Return one person."""
    return make_person()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show the end of every log with a test that failed."""
    report = yield
    site = getattr(item, "funcargs", {}).get("site")
    if report.failed and isinstance(site, Site):
        for log in sorted(site.folder.glob("*.log")):
            report.sections.append((log.name, "\n".join(log.read_text(errors="replace").splitlines()[-40:])))
    return report
