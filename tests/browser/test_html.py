"""What all pages together have to be: all of them visited, with one small style sheet."""

import gzip

from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from tests.browser.site import Site
from tests.browser.states import FRESH, LED_TO, NOT_PAGES, STATES
from tests.browser.validator import Validator
from tests.processes import ROOT

CSS = ROOT / "src/flaskcelery/static/site.css"


def test_every_rule_of_the_url_map_is_a_state_or_no_page(site: Site) -> None:
    rules = {rule.rule for rule in site.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    site_map, visited = site.app.url_map.bind("127.0.0.1"), set()
    for state in (*STATES, *FRESH):
        path = state.path if isinstance(state.path, str) else state.path(site)
        try:
            visited.add(site_map.match(path.partition("?")[0], return_rule=True)[0].rule)
        except (HTTPException, RequestRedirect):
            continue
    missing = rules - visited - NOT_PAGES.keys() - LED_TO.keys()
    assert missing == set(), (
        f'Add a line such as State("notes", "/notes/", "alice") to tests/browser/states.py: {missing}'
    )
    assert NOT_PAGES.keys() | LED_TO.keys() <= rules
    assert set(LED_TO.values()) <= {state.name for state in STATES}


def test_the_style_sheet_is_valid_and_small(validator: Validator) -> None:
    css = CSS.read_bytes()
    assert validator.find_errors(css, "text/css") == []
    assert len(css) <= 10_000
    assert len(gzip.compress(css)) <= 3_000
