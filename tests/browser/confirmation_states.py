"""The page that asks for the password before a sensitive form takes effect."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from playwright.sync_api import Page

from tests.browser.site import Site
from tests.browser.state import State, press
from tests.integration.visitor import PASSWORD

ME, WRONG = "/accounts/me/", "not the password at all"


def later(site: Site) -> Any:
    """Open a page ten minutes after the login."""
    site.pass_ten_minutes()
    return nullcontext()


def after(button: str) -> Callable[[Page], None]:
    """Return a function that presses a button that leads to the page."""
    return lambda page: press(page, page.get_by_role("button", name=button, exact=True))


CONFIRMATION = [
    State("confirmation", f"{ME}email/", "alice", {"email": "new@example.com"}, meanwhile=later),
    State("confirmation, long name", f"{ME}email/", "longest", {"email": "new@example.com"}, meanwhile=later),
    State(
        "confirmation, blank", f"{ME}delete/", "alice", {"password": ""},
        before_sending=after("Delete account"), meanwhile=later,
    ),
    State(
        "confirmation, wrong", f"{ME}delete/", "alice", {"password": WRONG},
        before_sending=after("Delete account"), meanwhile=later,
    ),
    State(
        "confirmation, wrong code", f"{ME}two-factor/off/", "guarded", {"password": "000000"},
        before_sending=after("Turn off"), meanwhile=later,
    ),
    State(
        "confirmation, staff", "/admin/users/action/add/", "boss", {"username": "bob", "email": "bob@example.com"},
        meanwhile=later,
    ),
    State(
        "recovery codes", f"{ME}two-factor/codes/", "guarded", {"password": PASSWORD},
        before_sending=after("Make new codes"), meanwhile=later,
    ),
]  # fmt: skip
