"""An email that takes long to build, as in the reference Django app, which sleeps: no visitor waits for it."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.stack import Stack
from tests.processes import wait_until
from tests.servers import SmtpServer

WORK = 5  # seconds
SAMPLES = 15


@pytest.mark.flaky
def test_slow_work_delays_no_sign_up_and_holds_no_lock(
    make_stack: Callable[..., Stack], smtp_server: SmtpServer, record: Callable[[str], None]
) -> None:
    """Sign-up takes as long as with quick work, one at a time and eight at once, on SQLite."""
    stack = make_stack()
    web = stack.start_web()
    quick = statistics.median(stack.sign_up(f"quick{number}") for number in range(SAMPLES))
    web.stop()

    stack.start_uwsgi(SIMULATED_WORK_SECONDS=str(WORK))
    began = time.monotonic()
    stack.start_worker(SIMULATED_WORK_SECONDS=str(WORK))
    wait_until(lambda: stack.count("outbox WHERE attempts = 1"), 30, "the worker is at work")
    slow = statistics.median(stack.sign_up(f"slow{number}") for number in range(SAMPLES))
    with ThreadPoolExecutor(8) as pool:
        at_once = max(pool.map(lambda number: stack.sign_up(f"crowd{number}"), range(8)))
    assert not smtp_server.raw, "the work was over before the sign-ups were"
    smtp_server.wait_for(1)
    assert time.monotonic() - began >= WORK
    record(f"sign-up {quick:.3f} s, with slow work {slow:.3f} s, eight at once {at_once:.3f} s")
    assert slow < quick + 0.1
    assert at_once < quick + 1
