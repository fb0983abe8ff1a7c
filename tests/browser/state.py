"""A state of a page: how to come to it, as one person sees it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from playwright.sync_api import BrowserContext, Page, Response

from tests.browser.chromium import is_document
from tests.browser.site import Site


@dataclass(frozen=True)
class State:
    """A page as one person sees it. With fields, the form that has them is sent."""

    name: str
    path: str | Callable[[Site], str]
    who: str = ""  # a visitor who is not logged in
    fields: dict[str, str] = field(default_factory=dict)
    status: int = 200
    before_sending: Callable[[Page], None] = lambda _page: None
    meanwhile: Callable[[Site], Any] = lambda _site: nullcontext()
    times: int = 1  # that the form is sent

    @contextmanager
    def shown(self, site: Site, context: BrowserContext) -> Iterator[tuple[Page, Response]]:
        """Open the page; yield it and the answer that it is made of."""
        page, answers = context.new_page(), []
        if self.who:
            site.log_in(context, self.who)
        page.on("response", lambda response: answers.append(response) if is_page(page, response) else None)
        with self.meanwhile(site):
            page.goto(self.path if isinstance(self.path, str) else self.path(site))
            for _ in range(self.times if self.fields else 0):
                self.before_sending(page)
                send(page, **self.fields)
                if answers[-1].status == HTTPStatus.TOO_MANY_REQUESTS:  # earlier visits count, too
                    break
            yield page, answers[-1]


def is_page(page: Page, response: Response) -> bool:
    """Return whether the answer is the page itself, not a part of it or a frame."""
    return is_document(response.request) and response.frame == page.main_frame


def send(page: Page, **fields: str) -> None:
    """Fill in the fields of these names, and send their form by its own button."""
    for name, value in fields.items():
        box = page.locator(f"main [name={name}]")
        box.fill(value)
    form = page.locator("main form").filter(has=page.locator(f"[name={next(iter(fields))}]"))
    press(page, form.locator("button").last)


def press(page: Page, button: Any) -> None:
    """Press a button, and wait for the page that follows."""
    with page.expect_navigation(wait_until="load"):
        button.click()
