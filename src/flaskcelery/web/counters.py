"""Counting requests: in Redis, or in each process while Redis is away."""

import functools
import logging
import math
import time
from typing import Any

from flask import Flask
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from redis.backoff import NoBackoff
from redis.retry import Retry

REDIS_TIMEOUT = 0.2  # seconds
REDIS_PAUSE = 10  # seconds in which Redis is not asked again after it has failed

logger = logging.getLogger(__name__)


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
