"""Chromium, driven by Playwright, and what it complains about."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request, expect, sync_playwright

from tests.integration.visitor import note_secrets
from tests.processes import find_program

LAPTOP = {"width": 1280, "height": 900}
PATIENCE = 20_000  # milliseconds, on a busy machine
FLAGS = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]

expect.set_options(timeout=PATIENCE)


@contextmanager
def run_chromium() -> Iterator[Browser]:
    """Run the system's Chromium."""
    program = find_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a browser has asked for, and what it complained about: errors, warnings, violations of the CSP."""

    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Listen to all pages of a browser window."""
        context.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108  it marks the function
        context.on("console", self._note)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _note(self, message: ConsoleMessage) -> None:
        # Chromium says so, too, of a page that tells its reader in words: the status is checked elsewhere.
        is_status = message.text.startswith("Failed to load resource: the server responded with a status of")
        is_page = message.location.get("url") in {request.url for request in self.requests if is_document(request)}
        if message.type in {"error", "warning", "verbose", "debug"} and not (is_status and is_page):
            self.complaints.append(f"{message.page.url if message.page else ''}: {message.text}")


def is_document(request: Request) -> bool:
    """Return whether a page was asked for, not a part of one."""
    return request.resource_type == "document"


@contextmanager
def open_browser(chromium: Browser, site: str, **options: Any) -> Iterator[tuple[BrowserContext, Watch]]:
    """Open a browser window without cookies; fail at the end if Chromium complained about a page."""
    context = chromium.new_context(**{"base_url": site, "viewport": LAPTOP, **options})
    context.set_default_timeout(PATIENCE)
    watch = Watch()
    watch.follow(context)
    try:
        yield context, watch
        note_secrets(*(cookie["value"] for cookie in context.cookies()))
    finally:
        context.close()
    assert watch.complaints == []
