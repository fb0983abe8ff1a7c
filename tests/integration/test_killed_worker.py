"""Workers killed while they send an email: the lease ends, and another attempt sends it."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.integration.stack import PROCFILE, Stack
from tests.processes import Process, wait_until
from tests.servers import Redis, SmtpServer

WORK = 1.0  # seconds in which a worker can be caught
MAIL_TIMEOUT = 0.3
LEASE = 2 * (6 * MAIL_TIMEOUT + WORK)  # as derived.py has it


def kill_pool(worker: Process) -> None:
    """Kill the processes that work; the worker itself starts new ones."""
    for child in worker.children():
        os.kill(child, signal.SIGKILL)


@pytest.mark.flaky
@pytest.mark.parametrize(("kill", "broker"), [(kill_pool, "redis"), (Process.kill, "embedded")])
def test_email_of_a_killed_worker_arrives_after_its_lease(
    make_stack: Callable[..., Stack],
    smtp_server: SmtpServer,
    kill: Callable[[Process], None],
    broker: str,
    record: Callable[[str], None],
) -> None:
    """Nothing is cleaned up: the row says by itself when it can be claimed again."""
    settings = {"SIMULATED_WORK_SECONDS": WORK, "MAIL_TIMEOUT": MAIL_TIMEOUT, "OUTBOX_RETRY_AFTER": 0.1}
    stack = make_stack(broker, **{name: str(value) for name, value in settings.items()})
    worker = stack.start_worker()
    stack.start_relay()
    stack.start_web()
    worker.wait_for_text("ready.")
    stack.visitor().sign_up("alice")
    wait_until(lambda: stack.count("outbox WHERE attempts = 1"), 30, "the row is claimed")

    kill(worker)
    killed = time.monotonic()
    assert not smtp_server.raw
    if worker.popen.returncode is not None:
        stack.start_worker()
    smtp_server.wait_for(1)
    seconds = time.monotonic() - killed
    stack.wait_until_processed()
    record(f"lease {LEASE:.1f} s, email after {seconds:.1f} s")
    assert stack.query("SELECT attempts FROM outbox") == [(2,)]
    assert LEASE - 0.5 < seconds < LEASE + WORK + 4
    assert smtp_server.recipients() == ["alice@example.com"]


def test_redis_forgets_the_queue_of_a_worker_that_is_gone(make_stack: Callable[..., Stack], redis: Redis) -> None:
    """Otherwise, each deployment with containers of new names would leave some behind for ever."""
    stack = make_stack("redis")

    def kept() -> str:
        return " ".join(redis.ask("SMEMBERS", key) for key in redis.ask("KEYS", "_kombu.binding*.*").split())

    gone = stack.run("gone", f"{PROCFILE['worker']} -n gone@host")
    gone.wait_for_text("ready.")
    wait_until(lambda: "outbox.heartbeat.gone@host" in kept(), 10, "its queue is known")
    gone.kill()
    redis.ask("ZADD", "_kombu.binding_deadlines", "XX", "1", "outbox.heartbeat.gone@host")  # as if hours had passed
    stack.run("next", f"{PROCFILE['worker']} -n next@host")
    wait_until(lambda: "next@host" in kept() and "gone@host" not in kept(), 30, "only its successor's is known")
    assert "urgent" in kept()
