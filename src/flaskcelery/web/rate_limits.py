"""How often a visitor can try: one table of limits, counted in Redis, or in each process while Redis is away.

A view says which limit counts it:

    @limit("sign_up")                                  every request counts
    with attempt("log_in", account=email_key): ...     only a wrong password counts
"""

import functools
import hashlib
import hmac
import ipaddress
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from flask import Flask, current_app
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.exceptions import TooManyRequests

from flaskcelery.errors import UserFacingError, WrongPassword
from flaskcelery.metrics import metrics
from flaskcelery.web.requests import client_ip

MINUTE = 60  # seconds
HOUR = 60 * MINUTE
REDIS_TIMEOUT = 0.2  # seconds
REDIS_PAUSE = 10  # seconds in which Redis is not asked again after it has failed
NETWORK = 64  # bits of an IPv6 address; its owner chooses the others


@dataclass(frozen=True)
class Limit:
    """How many requests in how many seconds: by one client, and by one client to one account."""

    by_client: tuple[int, int]
    by_account: tuple[int, int] | None = None


# Never by account alone: anybody could then lock its owner out.
LIMITS = {
    "log_in": Limit((100, HOUR), (10, 15 * MINUTE)),
    "change_password": Limit((100, HOUR), (10, 15 * MINUTE)),
    "sign_up": Limit((60, HOUR)),
    "request_reset": Limit((20, HOUR)),
    "resend": Limit((20, HOUR)),
}
# By account alone, for what only somebody who is logged in, or has just given the right password, can do.
USES_OF_ONE_ACCOUNT = {"log_in": (60, HOUR), "export": (10, HOUR)}
EMAILS_TO_ONE_RECIPIENT = (5, HOUR)  # of one kind, whoever requests them

logger = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")


class Counters:
    """Counts in Redis. This process's own memory counts too, and decides while Redis does not answer."""

    def __init__(self, url: str, tls: dict[str, Any]) -> None:
        timeouts = {"socket_connect_timeout": REDIS_TIMEOUT, "socket_timeout": REDIS_TIMEOUT}
        options: dict[str, Any] = {**timeouts, **tls, "retry": Retry(NoBackoff(), 0)}  # passed on to redis-py
        is_redis = url.startswith("redis")
        self._redis = RedisStorage(url, key_prefix="limit", wrap_exceptions=True, **options) if is_redis else None
        self._away_until = 0.0

    @functools.cached_property
    def _memory(self) -> MemoryStorage:
        """Made on first use: it starts a thread, and uWSGI's master would wait for that thread forever."""
        return MemoryStorage()

    def add(self, key: str, seconds: int, amount: int) -> tuple[int, int]:
        """Count; return the new count and the seconds until it expires."""
        count, ends_at = self._memory.incr(key, seconds, amount), self._memory.get_expiry(key)
        if self._redis and time.monotonic() >= self._away_until:
            try:
                count, ends_at = self._redis.incr(key, seconds, amount), self._redis.get_expiry(key)
            except StorageError as error:
                self._away_until = time.monotonic() + REDIS_PAUSE
                logger.error("Redis does not count requests; each process counts by itself meanwhile: %s", error)
        return count, max(1, math.ceil(ends_at - time.time()))


def init_limits(app: Flask) -> None:
    """Give `app` its counters; nothing connects yet."""
    celery = app.config["CELERY"]
    app.extensions["limits"] = Counters(celery["broker_url"], celery["broker_use_ssl"])


def limit(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the decorator of a view whose every request counts; too many are answered with 429."""
    if LIMITS[name].by_account:
        raise TypeError(f"{name} is limited by account: use `with attempt({name!r}, account=...)` in the view")

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def count_first(*args: P.args, **kwargs: P.kwargs) -> R:
            _Counter((name, "client", _client()), *LIMITS[name].by_client).count()
            return view(*args, **kwargs)

        return count_first

    return decorate


@contextmanager
def attempt(name: str, account: object) -> Iterator[None]:
    """Count a try at an account's password, for good only if the block raises WrongPassword.

    A right password resets the account's count but not the client's failures: otherwise logging in to an account
    of one's own would buy more tries at others. Too many attempts are answered with 429 before the block runs.
    """
    table = LIMITS[name]
    if not table.by_account:
        raise TypeError(f"{name} is not limited by account: use `@limit({name!r})` on the view")
    by_client = _Counter((name, "client", _client()), *table.by_client)
    by_account = _Counter((name, "account", _client(), str(account)), *table.by_account)
    by_client.count()  # first: a blocked client cannot fill the storage with accounts
    tries = by_account.count()
    forgiven = 0
    try:
        yield
        forgiven = tries
    except WrongPassword:
        raise
    except Exception as error:  # the password was right, or the failure is ours
        forgiven = tries if isinstance(error, UserFacingError) else 1
        raise
    finally:
        if forgiven:
            by_account.add(-forgiven)
            by_client.add(-1)


def count_use(name: str, account: object) -> None:
    """Count one more use by an account, whatever comes of it; too many are answered with 429."""
    _Counter((name, "use", str(account)), *USES_OF_ONE_ACCOUNT[name]).count()


def take_email_quota(kind: str, email_key: str) -> bool:
    """Count one more email of this kind to a recipient; return whether it can still be sent."""
    counter = _Counter(("email", kind, email_key), *EMAILS_TO_ONE_RECIPIENT)
    return counter.add(1)[0] <= counter.most


@dataclass(frozen=True)
class _Counter:
    """One count: of what, how many are allowed, and after how many seconds it expires."""

    of: tuple[str, ...]
    most: int
    seconds: int

    def count(self) -> int:
        """Count one more; return how many there are, or raise TooManyRequests."""
        count, ends_in = self.add(1)
        if count == self.most + 1:  # log once for each block, not for each request
            logger.warning("Too many attempts: %s by %s from %s, blocked for %s s", *self.of[:2], client_ip(), ends_in)
        if count > self.most:
            metrics().limit_hits.labels(self.of[0]).inc()
            raise TooManyRequests(retry_after=ends_in)
        return count

    def add(self, amount: int) -> tuple[int, int]:
        """Return the new count, which RATELIMIT_ENABLED=0 keeps at 0, and the seconds until it expires."""
        if not current_app.config["RATELIMIT_ENABLED"]:
            return 0, 0
        # A key that reveals neither an IP address nor an account.
        text = repr(self.of).encode("utf-8", "backslashreplace")
        key = hmac.new(current_app.config["SECRET_KEY"].encode(), text, hashlib.sha256).hexdigest()[:32]
        counters: Counters = current_app.extensions["limits"]
        return counters.add(key, self.seconds, amount)


def _client() -> str:
    """Return the client's IP address, or its network for IPv6: one client has all the addresses of a network."""
    ip_address = client_ip()
    with suppress(ValueError):  # it is not IPv6
        return str(ipaddress.IPv6Network((ip_address.partition("%")[0], NETWORK), strict=False))
    return ip_address
