"""Counting requests: in Redis, or in each process while Redis is away."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Flask
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

REDIS_TIMEOUT = 0.2  # seconds
REDIS_PAUSE = 10  # seconds in which Redis is not asked again after it has failed

# Does what `Counters._add_here` does, for all processes.
SCRIPT = """
local answers = {}
for i, key in ipairs(KEYS) do
  local seconds, amount, most = ARGV[3 * i - 2], tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local count = redis.call("INCRBY", key, amount)
  if amount < 0 and count < 0 then count = redis.call("INCRBY", key, -count) end
  if count == amount or count == 0 then redis.call("EXPIRE", key, seconds) end
  answers[i] = {count, redis.call("TTL", key)}
  if amount > 0 and count > most then break end
end
return answers
"""

logger = logging.getLogger(__name__)


class Step(NamedTuple):
    """What is added to which count; a new count expires after so many seconds."""

    key: str
    seconds: int
    amount: int
    most: int  # what is added above it ends the steps


Answers = list[tuple[int, int]]  # each new count, and the seconds until it expires


class Counters:
    """Counts in Redis. This process's own memory counts too, and decides while Redis does not answer."""

    def __init__(self, url: str, tls: dict[str, Any]) -> None:
        timeouts = {"socket_connect_timeout": REDIS_TIMEOUT, "socket_timeout": REDIS_TIMEOUT}
        options: dict[str, Any] = {**timeouts, **tls, "retry": Retry(NoBackoff(), 0)}
        is_redis = url.startswith("redis")
        self._script = Redis.from_url(url, **options).register_script(SCRIPT) if is_redis else None
        self._away_until = 0.0
        self._own: dict[str, tuple[int, float]] = {}  # each count, and when it expires
        self._lock, self._sweep_at = threading.Lock(), 1000

    def add(self, steps: Sequence[Step]) -> Answers:
        """Take the steps in one round trip; return the new counts, up to the first one that is too high."""
        answers = self._ask_redis(steps)
        own = self._add_here(steps[: len(answers)] if answers else steps)
        return answers or own

    def _ask_redis(self, steps: Sequence[Step]) -> Answers:
        """Return nothing if Redis does not answer."""
        if self._script is None or time.monotonic() < self._away_until:
            return []
        try:
            arguments = [value for step in steps for value in step[1:]]
            counts = self._script([f"limit:{step.key}" for step in steps], arguments)
        except RedisError as error:
            self._away_until = time.monotonic() + REDIS_PAUSE
            logger.error("Redis does not count requests; each process counts by itself meanwhile: %s", error)
            return []
        return [(count, max(1, ends_in)) for count, ends_in in counts]

    def _add_here(self, steps: Sequence[Step]) -> Answers:
        answers: Answers = []
        with self._lock:
            now = time.time()
            self._sweep(now)
            for key, seconds, amount, most in steps:
                count, ends_at = self._own.get(key, (0, 0.0))
                if not count or ends_at <= now:
                    count, ends_at = 0, now + seconds
                count = max(count + amount, 0)  # two that take back at once must not leave credit
                self._own[key] = (count, ends_at)
                answers.append((count, max(1, round(ends_at - now))))
                if amount > 0 and count > most:
                    break
        return answers

    def _sweep(self, now: float) -> None:
        """Delete expired counts, each time that the number of counts has doubled."""
        if len(self._own) >= self._sweep_at:
            self._own = {key: own for key, own in self._own.items() if own[1] > now}
            self._sweep_at = max(1000, 2 * len(self._own))


def init_limits(app: Flask) -> None:
    """Give `app` its counters; nothing connects yet."""
    celery = app.config["CELERY"]
    app.extensions["limits"] = Counters(celery["broker_url"], celery["broker_use_ssl"])
