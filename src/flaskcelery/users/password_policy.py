"""What a new password must be: the reference Django app's rules, no word of this site, and not in a data breach."""

import hashlib
import logging
import re
import time
from difflib import SequenceMatcher
from http.client import HTTPException
from itertools import takewhile
from threading import Thread
from urllib.request import Request, urlopen

from flask import Flask, current_app
from zxcvbn_rs_py import zxcvbn

from flaskcelery.database import pause
from flaskcelery.users.passwords import PASSWORD_MAX_LENGTH, normalize

MAX_SIMILARITY = 0.7
# A password is common when an attacker needs fewer guesses than for eight random digits. A higher limit would refuse
# eight random letters. The estimate's time grows steeply with the length.
MIN_GUESSES = 10**8
ESTIMATED_UP_TO = 20  # characters

# Of the service that knows passwords from data breaches.
TIME_LIMIT = 1  # second
PAUSE = 10  # seconds in which the service is not asked again after it has failed
PREFIX_LENGTH = 5
HEADERS = {"Add-Padding": "true", "User-Agent": "flaskcelery"}  # padded: the size of an answer tells nothing

logger = logging.getLogger(__name__)


def find_problems(password: str, username: str = "", email: str = "") -> list[str]:
    """Return a sentence for each rule that the new password breaks, as it was typed or in the form that is hashed."""
    if len(password) > PASSWORD_MAX_LENGTH:  # normalizing more could take long
        return [f"This password is too long. It can contain at most {PASSWORD_MAX_LENGTH} characters."]
    hashed = normalize(password)
    forms = {password, hashed}
    minimum = current_app.config["PASSWORD_MIN_LENGTH"]
    site_name = current_app.config["SITE_NAME"]
    problems = []
    for name, value in (("username", username), ("email", email), ("name of this site", site_name)):
        if any(_is_similar(form.lower(), value.lower()) for form in forms):
            problems.append(f"The password is too similar to the {name}.")
            break
    if min(map(len, forms)) < minimum:  # one letter can become several, and several one
        problems.append(f"This password is too short. It must contain at least {minimum} characters.")
    elif _is_common(hashed, site_name):
        problems.append("This password is too common.")
    if any(form.isdigit() for form in forms):
        problems.append("This password is entirely numeric.")
    if not problems and is_breached(hashed):
        problems.append("This password is known from a data breach. Please choose another one.")
    return problems


def password_hint() -> str:
    """Return the rules as a page shows them beforehand."""
    minimum = current_app.config["PASSWORD_MIN_LENGTH"]
    return f"At least {minimum} characters. Not a common password, not like your name or email, not only digits."


def _is_similar(password: str, value: str) -> bool:
    """Compare with the whole value and with each word of it, but for words too short to matter in the password."""
    for part in [*re.split(r"\W+", value), value]:
        is_small = len(password) >= 10 * len(part) and len(part) < MAX_SIMILARITY / 2 * len(password)
        if part and not is_small and SequenceMatcher(a=password, b=part).quick_ratio() >= MAX_SIMILARITY:
            return True
    return False


def _is_common(password: str, site_name: str) -> bool:
    folded = password.casefold().strip().encode(errors="replace").decode()
    site_words = [site_name.casefold(), *re.split(r"\W+", site_name.casefold())]
    return len(folded) <= ESTIMATED_UP_TO and zxcvbn(folded, site_words).guesses < MIN_GUESSES


class BreachService:
    """Asks a service with Have I Been Pwned's range API whether a password is known from a data breach.

    The service learns the first five digits of the password's SHA-1, and sends all hashes that begin with them.
    """

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
