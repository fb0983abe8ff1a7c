"""The load on a deployment: sign-ups, as under the fault scenarios, and looks at pages."""

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from tests.faults.load import Load, repeating
from tests.integration.visitor import Visitor
from tests.processes import wait_until

SEEDS = itertools.count(1)  # the names of one load are new to the next
PAGES = ("/", "/accounts/login/", "/static/site.css")


class SiteLoad(Load):
    """Sign-ups and looks at pages, each answer counted."""

    def __init__(self, port: int) -> None:
        super().__init__(lambda: Visitor(port), seed=next(SEEDS))
        self.at_once = 1
        self.looks: Counter[int] = Counter()

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Let visitors sign up and look at pages for as long as the block runs."""
        with super().flowing(), repeating(self.look):
            yield

    def look(self) -> None:
        """Fetch a few pages."""
        for path in PAGES:
            try:
                status = self._visit().get(path).status
            except (OSError, HTTPException):
                status = 0  # whatever has happened, there was no answer
            self.looks[status] += 1

    def failures(self) -> set[int]:
        """Return the statuses of failed requests; 0 is no answer."""
        return {made.status for made in self.log} - {302} | set(self.looks) - {200}

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more visitors have signed up."""
        before = len(self.accepted())
        wait_until(lambda: len(self.accepted()) >= before + count, 30, f"{count} more sign-ups")
