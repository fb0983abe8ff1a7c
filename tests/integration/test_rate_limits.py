"""Limits in front of real parts: one count for all processes, and none of them lost with Redis."""

import random
import re
import statistics
from collections.abc import Callable

import pytest

from flaskcelery.web.counters import Counters, Step
from flaskcelery.web.rate_limits import LIMITS
from tests.integration.stack import Stack
from tests.integration.visitor import Answer, Visitor
from tests.servers import Redis

PER_ACCOUNT, WINDOW = LIMITS["log_in"].by_account or (0, 0)
PROCESSES = 2  # that take forms, of the four in deploy/uwsgi.ini
EMAIL = "alice@example.com"


@pytest.fixture
def stack(make_stack: Callable[..., Stack]) -> Stack:
    """Return an application that counts, with its web part only, and alice's account."""
    stack = make_stack("redis", RATELIMIT_ENABLED="1")
    stack.start_web()
    stack.sign_up("alice")
    return stack


def guess(visitor: Visitor, number: int) -> Answer:
    """Send a wrong password under another made-up address each time."""
    visitor.headers = {"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": f"198.51.100.{number}"}
    return visitor.log_in(EMAIL, f"wrong password {number}")


@pytest.mark.requirement(11)
def test_processes_and_made_up_addresses_do_not_multiply_the_tries(stack: Stack, redis: Redis) -> None:
    attacker = stack.visitor()
    answers = [guess(attacker, number) for number in range(3 * PER_ACCOUNT)]
    assert [answer.status for answer in answers] == [200] * PER_ACCOUNT + [429] * 2 * PER_ACCOUNT
    assert 0 < int(answers[-1].headers["Retry-After"]) <= WINDOW
    assert attacker.log_in(EMAIL).status == 429
    assert stack.read_logs().count("Too many attempts") == 1

    owner = stack.visitor()
    owner.source = "127.0.0.2"
    assert owner.log_in(EMAIL).status == 302
    assert owner.is_logged_in()


def test_redis_holds_no_address_and_every_counter_ends_by_itself(stack: Stack, redis: Redis) -> None:
    guess(stack.visitor(), 1)
    keys = redis.ask("KEYS", "limit:*").split()
    assert len(keys) == 4  # sign-up by client, its email by recipient, login by client and by account
    assert all(re.fullmatch("limit:[0-9a-f]{32}", key) for key in keys)
    assert all(0 < int(redis.ask("TTL", key)) <= 3600 for key in keys)


def test_redis_counts_as_a_process_does(redis: Redis) -> None:
    both, own = Counters(f"redis://{redis.host}:{redis.port}/0", {}), Counters("embedded:", {})
    draw = random.Random(7)
    for _ in range(300):
        steps = [Step(draw.choice("abcdef"), 3600, draw.choice((1, 1, 1, -1, -2)), 3) for _ in range(4)]
        (counts, ends), (own_counts, own_ends) = (zip(*each.add(steps), strict=True) for each in (both, own))
        assert counts == own_counts
        assert own_ends == pytest.approx(ends, abs=1)  # a second can pass between the two


@pytest.mark.flaky
@pytest.mark.requirement(12)
@pytest.mark.parametrize("fault", [Redis.refuse, Redis.ignore, Redis.freeze, Redis.vanish])
def test_without_redis_tries_are_still_limited_and_answered_in_time(
    stack: Stack, redis: Redis, fault: Callable[[Redis], None], record: Callable[[str], None]
) -> None:
    attacker = stack.visitor()
    for number in range(PER_ACCOUNT // 2):
        guess(attacker, number)
    fault(redis)
    answers = [guess(attacker, number) for number in range((PROCESSES + 2) * PER_ACCOUNT)]
    seconds = sorted(answer.seconds for answer in answers)
    record(f"an answer took {statistics.median(seconds):.3f} s, at most {seconds[-1]:.3f} s")
    assert {answer.status for answer in answers} == {200, 429}
    assert sum(answer.status == 200 for answer in answers) <= PROCESSES * PER_ACCOUNT
    assert seconds[-1] < 1  # about 0.3 on a quiet machine
    assert statistics.median(seconds) < 0.1
    assert "Redis does not count requests" in stack.read_logs()
