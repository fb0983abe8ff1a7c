"""The load: visitors who sign up, and the log of what each one was answered."""

import itertools
import random
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from threading import Event

from tests.integration.visitor import Visitor

AT_ONCE = 4
PAUSE = 0.3  # seconds between two steps that repeat: a flow of visitors must not outrun the workers


@dataclass(frozen=True)
class SignUp:
    """One try of one visitor. Status 0: no answer came; 409: the page said that the account is there already."""

    name: str
    status: int
    seconds: float
    phase: str

    @property
    def email(self) -> str:
        """Return the address that the visitor typed."""
        return address(self.name)


def address(name: str) -> str:
    """Return the address that belongs to a visitor's name: at many domains, as each has a share of a worker only."""
    return f"{name}@visitors{zlib.crc32(name.encode()) % 100}.example"


@contextmanager
def repeating(step: Callable[[], object]) -> Iterator[None]:
    """Take a step in a thread, again and again, for as long as the block runs."""
    over = Event()

    def repeat() -> None:
        while not over.wait(PAUSE):
            step()

    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(repeat)
        try:
            yield
        finally:
            over.set()
        taken.result()


class Load:
    """Lets visitors sign up, a few at once; the seed decides their names and so their order."""

    def __init__(self, visit: Callable[[], Visitor], seed: int = 0) -> None:
        self._visit, self._random, self._numbers = visit, random.Random(seed), itertools.count(1)
        self.at_once = AT_ONCE
        self.log: list[SignUp] = []

    def names(self, count: int) -> list[str]:
        """Return names that nobody has yet."""
        return [f"v{next(self._numbers)}x{self._random.randrange(10**6)}" for _ in range(count)]

    def run(self, names: list[str], phase: str) -> list[SignUp]:
        """Let each of them sign up once."""
        with ThreadPoolExecutor(self.at_once) as pool:
            made = list(pool.map(lambda name: self.sign_up(name, phase), names))
        self.log += made
        return made

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Let visitors sign up, a few at a time, for as long as the block runs."""
        with repeating(lambda: self.run(self.names(self.at_once), "during")):
            yield

    def sign_up(self, name: str, phase: str) -> SignUp:
        """Let one visitor fetch the form and send it."""
        visitor, began, status = self._visit(), time.monotonic(), 0
        try:
            answer = visitor.get("/accounts/signup/")
            if visitor.token:
                answer = visitor.sign_up(name, address(name))
            status = 409 if answer.status == 200 and "already exists" in answer.text else answer.status
        except (OSError, HTTPException):
            pass  # whatever has happened, there was no answer
        return SignUp(name, status, time.monotonic() - began, phase)

    def unanswered(self) -> list[str]:
        """Return who has not been told that the account is there: they try again later."""
        served = {made.name for made in self.log if made.status in {302, 409}}
        return [name for name in dict.fromkeys(made.name for made in self.log) if name not in served]

    def accepted(self) -> set[str]:
        """Return the addresses of those who were told that the account is theirs."""
        return {made.email for made in self.log if made.status == 302}
