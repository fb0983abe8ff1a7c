"""Visitors without end: pages and sign-ups, a few a second, each answer kept."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from http.client import HTTPException
from types import TracebackType

from tests.integration.visitor import SIGN_UP, Visitor
from tests.processes import wait_until

NUMBERS = itertools.count(1)


class Load:
    """Runs until the `with` block ends; `failures` tells what failed, `welcomed` who was told of success."""

    def __init__(self, port: int, pause: float = 0.25) -> None:
        self.port, self.pause = port, pause
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self.welcomed: list[str] = []
        self._is_over = threading.Event()
        actions = (self._sign_up, self._look)
        self._threads = [threading.Thread(target=self._repeat, args=(action,)) for action in actions]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def statuses(self) -> set[int]:
        """Return the statuses of what failed; 0 is no answer."""
        return {int(failure.split()[1]) for failure in self.failures}

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more visitors have signed up."""
        before = len(self.welcomed)
        wait_until(lambda: len(self.welcomed) >= before + count, 30, f"{count} more sign-ups")

    def _repeat(self, act: Callable[[], None]) -> None:
        while not self._is_over.wait(self.pause):
            act()

    def _sign_up(self) -> None:
        visitor, name = Visitor(self.port), f"load-{next(NUMBERS)}"
        if self._ask("form", 200, lambda: visitor.get(SIGN_UP).status) and self._ask(
            "sign-up", 302, lambda: visitor.sign_up(name).status
        ):
            self.welcomed.append(name)

    def _look(self) -> None:
        for path in ("/", "/accounts/login/", "/static/site.css"):
            self._ask(path, 200, lambda path=path: Visitor(self.port).get(path).status)  # type: ignore[misc]

    def _ask(self, what: str, expected: int, request: Callable[[], int]) -> bool:
        text = ""
        try:
            status = request()
        except (OSError, HTTPException) as error:
            status, text = 0, repr(error)
        self.answers[f"{what} {status}"] += 1
        if status != expected:
            self.failures.append(f"{what} {status} {text}")
        return status == expected
