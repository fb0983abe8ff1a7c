"""Screenshots of all pages: `python -m tests.browser.screenshots` writes them to screenshots/, and three into docs/.

Each page in each state is taken at the width of a laptop, light and dark, and of a phone.
"""

import re
import tempfile
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.browser.chromium import LAPTOP, open_browser, run_chromium
from tests.browser.site import Site, run_fresh_site, run_site
from tests.browser.state import State
from tests.browser.states import FRESH, STATES
from tests.processes import ROOT

FOLDER, DOCS = ROOT / "screenshots", ROOT / "docs"
PHONE = {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": LAPTOP},
    "dark": {"viewport": LAPTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE},
}
README = {"sign-up": "light", "account": "light", "dashboard": "dark"}  # the states that it shows, and how they look
LARGEST = 100_000  # bytes


def take(chromium: Browser, site: Site, state: State, look: str, path: Path, *, is_whole: bool) -> None:
    """Write one state in one look: the whole page, or what a window shows of it."""
    with open_browser(chromium, site.url, **LOOKS[look]) as (context, _), state.shown(site, context) as (page, _):
        page.screenshot(path=path, full_page=is_whole, animations="disabled")


def take_all(chromium: Browser, site: Site, states: list[State]) -> None:
    """Write these states in every look."""
    for state in states:
        name = re.sub(r"\W+", "-", state.name)
        for look in LOOKS:
            take(chromium, site, state, look, FOLDER / f"{name}-{look}.png", is_whole=True)


def take_for_readme(chromium: Browser, site: Site) -> None:
    """Write what the README shows."""
    for state in STATES:
        if look := README.get(state.name):
            path = DOCS / f"{state.name}.png"
            take(chromium, site, state, look, path, is_whole=False)
            assert path.stat().st_size < LARGEST, f"{path} is too large"


def main() -> None:
    """Write them all; only the page that says "too many tries" is of a site that counts them."""
    FOLDER.mkdir(exist_ok=True)
    limited = [state for state in STATES if state.status == HTTPStatus.TOO_MANY_REQUESTS]
    with tempfile.TemporaryDirectory() as name, run_chromium() as chromium, ExitStack() as exits:
        folders = [Path(name) / each for each in ("site", "limited", "fresh")]
        for folder in folders:
            folder.mkdir()
        site = exits.enter_context(run_site(folders[0], RATELIMIT_ENABLED="0"))
        take_for_readme(chromium, site)
        take_all(chromium, site, [state for state in STATES if state not in limited])
        take_all(chromium, exits.enter_context(run_site(folders[1])), limited)
        take_all(chromium, exits.enter_context(run_fresh_site(folders[2])), FRESH)
    print(f"{len(STATES + FRESH) * len(LOOKS)} screenshots in {FOLDER.name}/, {len(README)} in {DOCS.name}/")


if __name__ == "__main__":
    main()
