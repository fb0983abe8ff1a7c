"""Asking a service with Have I Been Pwned's range API whether a password is known from a data breach.

The service learns the first five digits of the password's SHA-1, and sends all hashes that begin with them.
"""

import hashlib
import logging
import time
from http.client import HTTPException
from itertools import takewhile
from threading import Thread
from urllib.request import Request, urlopen

from flask import Flask, current_app

from flaskcelery.database import pause

TIME_LIMIT = 1  # second
PAUSE = 10  # seconds in which the service is not asked again after it has failed
PREFIX_LENGTH = 5
HEADERS = {"Add-Padding": "true", "User-Agent": "flaskcelery"}  # padded: the size of an answer tells nothing

logger = logging.getLogger(__name__)


class BreachService:
    def __init__(self, url: str) -> None:
        self._url, self._away_until = url, 0.0

    def has(self, password: str) -> bool:
        """Return whether the password is in a breach; False without a service, or if it does not answer in time."""
        if not self._url or time.monotonic() < self._away_until:
            return False
        pause()
        digest = hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper()
        verdicts: list[bool] = []
        # A thread: no timeout limits the look-up of a host name, or an answer that comes byte by byte.
        question = (self._url + digest[:PREFIX_LENGTH], digest[PREFIX_LENGTH:], verdicts)
        asker = Thread(target=_ask, args=question, daemon=True)
        asker.start()
        asker.join(TIME_LIMIT)
        if not verdicts:
            self._away_until = time.monotonic() + PAUSE
            logger.warning("Passwords are not compared with breaches for %s s: no answer", PAUSE)
        return any(verdicts)


def _ask(url: str, suffix: str, verdicts: list[bool]) -> None:
    """Add whether the service has the hash, unless it fails."""
    request, ends_at = Request(url, headers=HEADERS), time.monotonic() + TIME_LIMIT  # noqa: S310  http or https
    try:
        with urlopen(request, timeout=TIME_LIMIT) as answer:  # noqa: S310
            lines = takewhile(lambda _: time.monotonic() < ends_at, answer)
            verdicts.append(any(_is_hit(line.decode(), suffix) for line in lines))
    except (OSError, HTTPException, ValueError) as error:  # the caller goes on without a verdict
        logger.warning("The service that PASSWORD_BREACH_CHECK names: %s", error)


def _is_hit(line: str, suffix: str) -> bool:
    """Return whether a line `suffix:count` is about this hash; padding has the count 0."""
    found, _, count = line.partition(":")
    return found.upper() == suffix and count.strip() != "0"


def init_breaches(app: Flask) -> None:
    app.extensions["breaches"] = BreachService(app.config["PASSWORD_BREACH_CHECK"])


def is_breached(password: str) -> bool:
    """Return whether the application's service knows the password. It is slow: call it outside `transaction()`."""
    service: BreachService = current_app.extensions["breaches"]
    return service.has(password)
