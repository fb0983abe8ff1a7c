"""How often a visitor may try: one table, counted in Redis, or in each process's memory while there is none.

A view whose POST is counted says so below its route, and names the account where the table has a limit `by_account`:

    @bp.post("/accounts/password_change/")
    @limit("change_password", account=lambda: current_user.id)
    def submit_password() -> ...

A mail that anybody may have sent to any address is owed only `if take_email_quota("reset", email_key(email))`; the
page is the same either way. RATELIMIT_ENABLED=0 counts nothing: for load tests.
"""

import functools
import hashlib
import hmac
import ipaddress
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from flask import Flask, current_app, g
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.exceptions import TooManyRequests

from flaskcelery.metrics import metrics
from flaskcelery.web.security import client_ip

MINUTE = 60  # seconds
HOUR = 60 * MINUTE
REDIS_TIMEOUT = 0.2  # seconds
BLIND_SECONDS = 10  # for which Redis is not asked again after it has failed
NETWORK = 64  # bits of an IPv6 address: what is beyond them its owner chooses


@dataclass(frozen=True)
class Limit:
    """So many tries in so many seconds: of one client, and of one client at one account."""

    by_client: tuple[int, int]
    by_account: tuple[int, int] | None = None
    only_failures: bool = False  # wrong passwords, that is (see `note_guess`); a right one ends the account's row


# Never by account alone: anybody could then lock its owner out.
LIMITS = {
    "log_in": Limit((100, HOUR), (10, 15 * MINUTE), only_failures=True),
    "sign_up": Limit((60, HOUR)),
    "change_password": Limit((100, HOUR), (10, 15 * MINUTE), only_failures=True),
    "ask_reset": Limit((20, HOUR)),
    "resend": Limit((20, HOUR)),
}
MAILS_TO_ONE_ADDRESS = (5, HOUR)  # of one kind, whoever asks

logger = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")


class Counters:
    """Counts in Redis; this process's own memory counts along, and decides while Redis does not answer."""

    def __init__(self, url: str) -> None:
        self._redis = _connect(url) if url.startswith("redis") else None
        self._blind_until = 0.0

    @functools.cached_property
    def _memory(self) -> MemoryStorage:
        """Made when first used: it starts a thread, which uWSGI's master would wait for without end."""
        return MemoryStorage()

    def add(self, key: str, seconds: int, amount: int = 1) -> tuple[int, int]:
        """Count; return how many there are now and in how many seconds they are forgotten."""
        counted, ends_at = self._memory.incr(key, seconds, amount), self._memory.get_expiry(key)
        if self._redis and time.monotonic() >= self._blind_until:
            try:
                counted, ends_at = self._redis.incr(key, seconds, amount), self._redis.get_expiry(key)
            except StorageError as error:
                self._blind_until = time.monotonic() + BLIND_SECONDS
                logger.error("Redis does not count tries, each process does meanwhile: %s", error)
        return counted, max(1, math.ceil(ends_at - time.time()))


def _connect(url: str) -> RedisStorage:
    patience = {"socket_connect_timeout": REDIS_TIMEOUT, "socket_timeout": REDIS_TIMEOUT}
    return RedisStorage(url, key_prefix="limit", wrap_exceptions=True, **patience, retry=Retry(NoBackoff(), 0))  # type: ignore[arg-type]  # handed on to redis-py


def init_limits(app: Flask) -> None:
    """Give `app` its counters; nothing connects yet."""
    app.extensions["limits"] = Counters(app.config["RATELIMIT_STORAGE_URI"])


def limit(name: str, account: Callable[[], object] | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the decorator of a view whose every call is a try; too many are answered with 429."""
    table = LIMITS[name]
    if (table.by_account is None) != (account is None):
        raise TypeError(f"{name} is limited by account, or is not, but the view says otherwise")

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def count_first(*args: P.args, **kwargs: P.kwargs) -> R:
            if not current_app.config["RATELIMIT_ENABLED"]:
                return view(*args, **kwargs)
            tries = _tries(name, str(account()) if account else "")
            counted = [_count(one) for one in tries]
            answer = view(*args, **kwargs)
            guess = g.pop("guess", None)
            if table.only_failures and guess is not False:
                # The client keeps its failures: logging in to its own account buys no tries at others.
                for one, count in zip(tries, (1, counted[1] if guess else 1), strict=True):
                    _counters().add(_key(one.of), one.seconds, -count)
            return answer

        return count_first

    return decorate


def note_guess(is_right: bool) -> None:
    """Note whether the password that this request tried is right; a form with other faults has tried none."""
    g.guess = is_right


@dataclass(frozen=True)
class Try:
    """One more on a counter."""

    of: tuple[str, ...]
    most: int
    seconds: int


def _tries(name: str, account: str) -> list[Try]:
    """Return what a POST counts on, the client first: one that is blocked cannot fill the memory with accounts."""
    table, client = LIMITS[name], _client()
    tries = [Try((name, "client", client), *table.by_client)]
    if table.by_account:
        tries.append(Try((name, "account", client, account), *table.by_account))
    return tries


def take_email_quota(kind: str, address: str) -> bool:
    """Count one more mail of this kind to an address, and tell whether it may still be owed."""
    if not current_app.config["RATELIMIT_ENABLED"]:
        return True
    most, seconds = MAILS_TO_ONE_ADDRESS
    return _counters().add(_key(("mail", kind, address)), seconds)[0] <= most


def _count(one: Try) -> int:
    counted, ends_in = _counters().add(_key(one.of), one.seconds)
    if counted == one.most + 1:  # once for each block, not for each try
        logger.warning("Too many tries: %s by %s from %s, blocked for %s s", *one.of[:2], client_ip(), ends_in)
    if counted > one.most:
        metrics().limit_hits.labels(one.of[0]).inc()
        raise TooManyRequests(retry_after=ends_in)
    return counted


def _counters() -> Counters:
    counters: Counters = current_app.extensions["limits"]
    return counters


def _client() -> str:
    """Return the client's address; of an IPv6 one the network, whose owner has all the addresses in it."""
    address = client_ip()
    try:
        is_wide = ipaddress.ip_address(address).version == 6  # noqa: PLR2004
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{address.partition('%')[0]}/{NETWORK}", strict=False)) if is_wide else address


def _key(what: tuple[str, ...]) -> str:
    """Return a counter's name, from which neither an address nor an account can be read."""
    text = repr(what).encode("utf-8", "backslashreplace")
    return hmac.new(current_app.config["SECRET_KEY"].encode(), text, hashlib.sha256).hexdigest()[:32]
