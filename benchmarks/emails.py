"""Emails: the worker's CPU time, how soon they arrive, and how fast a backlog is drained."""

import signal
import statistics
import time
from collections.abc import Callable
from email import message_from_bytes

from tests.processes import Process, wait_until

from benchmarks.accounting import cpu_seconds
from benchmarks.bench import Bench
from benchmarks.clients import enqueue_emails, send_tasks
from benchmarks.forms import measure_hashes
from benchmarks.rows import Value

RATE = 20  # a second
SECONDS = 6
TASKS = 120  # of each kind, at the same rate
BACKLOG = 2000
REFERENCE = 4 / 5  # emails/s that the reference Django app can send: four processes, and each email takes 5 s


def cpu_of_empty_task(bench: Bench) -> float:
    """Return the worker's CPU seconds of a task that does nothing."""
    before = cpu_seconds(bench.bare_worker)
    bench.submit(
        send_tasks, bench.bare.settings["CELERY_BROKER_URL"], "empty", list(bench.members)[:TASKS], RATE
    ).result()
    wait_until(bench.is_bare_idle, 30, "the empty tasks are done")
    return (cpu_seconds(bench.bare_worker) - before) / TASKS


def cpu_of_emails(bench: Bench) -> tuple[float, float]:
    """Return the CPU seconds of one email of ours and of one sent the usual way: at the same time, on equal terms."""
    workers, emails = (bench.site.worker, bench.bare_worker), dict(list(bench.members.items())[:TASKS])
    before = [cpu_seconds(worker) for worker in workers]
    ours = bench.submit(enqueue_emails, bench.site.settings, emails, RATE)
    bench.submit(send_tasks, bench.bare.settings["CELERY_BROKER_URL"], "usual", list(emails), RATE).result()
    ours.result()
    bench.wait_until_idle()
    one, usual = ((cpu_seconds(worker) - begun) / TASKS for worker, begun in zip(workers, before, strict=True))
    return one, usual


def measure_delays(bench: Bench) -> list[float]:
    """Let people sign up; return how long each one's email was on its way."""
    sink, begun = bench.site.smtp_server, len(bench.site.smtp_server.raw)
    name, act = bench.signing_up()
    answered = {each.number: each.answered for each in bench.load(act, seconds=SECONDS, at_once=8, rate=RATE).result()}
    wait_until(lambda: len(sink.raw) - begun >= len(answered), 60, "each one's email is here")
    delays = []
    for raw, received_at in zip(sink.raw[begun:], sink.received_at[begun:], strict=True):
        number = message_from_bytes(raw)["To"].partition("@")[0].removeprefix(name)
        delays.append(received_at - answered[int(number)])
    assert len(delays) == len(answered)
    return delays


def measure_emails(bench: Bench) -> list[Value]:
    """Send emails at a rate that leaves the worker time to sleep."""
    one = measure_hashes(bench).seconds
    empty, (ours, usual), delays = cpu_of_empty_task(bench), cpu_of_emails(bench), measure_delays(bench)
    p50, p99 = statistics.median(delays), statistics.quantiles(delays, n=100)[98]
    note = f"{ours * 1000:.1f} ms; usual way {usual * 1000:.1f} ms, empty task {empty * 1000:.1f} ms"
    hashes = f"with a hash of {one * 1000:.0f} ms"
    delays_in_words = [f"{seconds * 1000:.0f} ms {hashes}" for seconds in (p50, p99)]
    return [Value(ours / usual, note), Value(p50 / one, delays_in_words[0]), Value(p99 / one, delays_in_words[1])]


def drain(
    worker: Process, fill: Callable[[], object], is_done: Callable[[], object], count: int = BACKLOG
) -> tuple[float, float]:
    """Fill the queue of a worker that stands still; return its tasks/s and CPU seconds of one once it goes on."""
    worker.signal(signal.SIGSTOP)
    try:
        fill()
        before, began = cpu_seconds(worker), time.time()
    finally:
        worker.signal(signal.SIGCONT)
    wait_until(is_done, 600, "the backlog is drained")
    return count / (time.time() - began), (cpu_seconds(worker) - before) / count


def measure_backlog(bench: Bench) -> list[Value]:
    """Drain as many emails and as many empty tasks."""
    emails, broker = dict(list(bench.members.items())[:BACKLOG]), bench.bare.settings["CELERY_BROKER_URL"]
    raw = bench.site.smtp_server.raw
    expected = len(raw) + BACKLOG
    rate, cpu = drain(
        bench.site.worker,
        lambda: bench.submit(enqueue_emails, bench.site.settings, emails).result(),
        lambda: len(raw) >= expected,
    )
    bench.wait_until_idle()
    empty, _ = drain(
        bench.bare_worker, lambda: bench.submit(send_tasks, broker, "empty", list(emails)).result(), bench.is_bare_idle
    )
    return [Value(rate, f"{rate / empty:.2f} of {empty:.0f} empty tasks/s; worker CPU {cpu * 1000:.1f} ms an email")]
