"""Every page in every state: accessible, made of three files, and without a complaint of the browser."""

import pytest
from playwright.sync_api import Browser

from flaskcelery.admin.operations import create_user
from flaskcelery.database import db
from flaskcelery.users.passwords import hasher
from tests.browser.chromium import is_document, open_browser
from tests.browser.measures import find_faults
from tests.browser.site import Site
from tests.browser.state import State
from tests.browser.states import FRESH, STATES
from tests.integration.visitor import PASSWORD


def check(site: Site, chromium: Browser, state: State) -> None:
    """Look at a page with all our measures."""
    with open_browser(chromium, site.url) as (context, watch), state.shown(site, context) as (page, response):
        assert response.status == state.status, page.inner_text("main")
        parts = {request.url.partition("?")[0] for request in watch.requests if not is_document(request)}
        assert parts <= {f"{site.url}/static/site.css", f"{site.url}/static/icon.svg"}
        faults = find_faults(page)
        assert not faults, "\n".join(faults)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_page_is_accessible_and_made_of_three_files(site: Site, chromium: Browser, state: State) -> None:
    check(site, chromium, state)


@pytest.fixture(scope="session")
def fresh_boss(fresh_site: Site) -> None:
    """Open the only accounts of the fresh site: the first member of staff's, and one with an unconfirmed email."""
    fresh_site.sign_up("newcomer")
    with fresh_site.app.app_context():
        create_user("boss", "boss@example.com", "staff", password_hash=hasher().hash(PASSWORD))
        db.session.remove()


@pytest.mark.xdist_group("fresh site")
@pytest.mark.usefixtures("fresh_boss")
@pytest.mark.parametrize("state", FRESH, ids=lambda state: state.name)
def test_a_page_of_a_fresh_site_is_accessible(fresh_site: Site, chromium: Browser, state: State) -> None:
    check(fresh_site, chromium, state)
