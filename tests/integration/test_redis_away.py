"""Redis goes away in every way it can: no sign-up waits for it, and no email is lost or doubled."""

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.stack import Stack
from tests.servers import Redis, SmtpServer

PERIOD = 1  # seconds between two passes of the relay
GRACE = 2  # seconds that the relay may take for its passes
SAMPLES = 9
AT_ONCE = 4


@pytest.mark.flaky
@pytest.mark.defect("D3", "D4")
@pytest.mark.parametrize("fault", [Redis.refuse, Redis.ignore, Redis.freeze, Redis.vanish])
def test_sign_up_does_not_wait_for_redis(
    make_stack: Callable[..., Stack],
    smtp_server: SmtpServer,
    redis: Redis,
    fault: Callable[[Redis], None],
    record: Callable[[str], None],
) -> None:
    """The first ones wait a moment, then the breaker is open; the relay sends the emails."""
    stack = make_stack("redis")
    worker = stack.start_worker()
    stack.start_relay(PERIOD)
    web = stack.start_web()
    worker.wait_for_text("ready.")
    normal = statistics.median(stack.sign_up(f"before{number}") for number in range(SAMPLES))
    smtp_server.wait_for(SAMPLES)

    fault(redis)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        first = max(pool.map(lambda number: stack.sign_up(f"first{number}"), range(AT_ONCE)))
    later = [stack.sign_up(f"later{number}") for number in range(SAMPLES)]
    smtp_server.wait_for(AT_ONCE + 2 * SAMPLES)
    took = "max(julianday(done_at) - julianday(created_at)) * 86400"
    [(mailed,)] = stack.query(f"SELECT {took} FROM outbox")
    record(
        f"sign-up normally {normal:.3f} s, {AT_ONCE} at once at first {first:.3f} s, then"
        f" {statistics.median(later):.3f} s (at most {max(later):.3f} s); each mailed within {mailed:.1f} s"
    )
    # The breaker is the process's own, and the second process for forms may meet the fault later.
    assert 1 <= web.log.read_text().count("The broker did not take row") <= AT_ONCE + 1
    assert first < normal + 0.7
    assert statistics.median(later) < normal + 0.05
    assert sorted(later)[-2] < normal + 0.2
    assert max(later) < normal + 0.7
    assert mailed < 2 * PERIOD + GRACE

    redis.heal()
    stack.sign_up("after")
    smtp_server.wait_for(AT_ONCE + 2 * SAMPLES + 1)
    stack.wait_until_processed()
    assert len(set(smtp_server.recipients())) == len(smtp_server.recipients()) == stack.count("users")
