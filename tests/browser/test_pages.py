"""Every page in every state: accessible, valid, small, and without a complaint of the browser."""

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.chromium import Watch, is_document
from tests.browser.measures import find_faults
from tests.browser.site import Site
from tests.browser.states import STATES, State

Window = tuple[BrowserContext, Watch]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_page_is_accessible_and_made_of_three_files(site: Site, window: Window, state: State) -> None:
    context, watch = window
    with state.shown(site, context) as (page, response):
        assert response.status == state.status, page.inner_text("main")
        parts = {request.url.partition("?")[0] for request in watch.requests if not is_document(request)}
        assert parts <= {f"{site.url}/static/site.css", f"{site.url}/static/icon.svg"}
        faults = find_faults(page)
        assert not faults, "\n".join(faults)
