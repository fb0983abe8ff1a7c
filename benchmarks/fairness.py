"""Fairness: emails beside a mail server that never answers, and beside two jobs that take long."""

import statistics
import time
from itertools import chain

from sqlalchemy import text
from tests.processes import wait_until

from benchmarks.bench import Bench
from benchmarks.clients import enqueue_emails
from benchmarks.emails import drain, measure_delays
from benchmarks.jobs import enqueue_jobs, start_jobs_worker
from benchmarks.recipients import FAR, NEAR, STUCK, add_recipients
from benchmarks.rows import Value

EMAILS, TURNS = 200, 2
JOBS, JOB_SECONDS = 2, 60
UNTIL_FREE = 12  # seconds; MAIL_TIMEOUT is 10
RUNNING = "outbox WHERE task = 'sleep' AND progress IS NOT NULL"


def forget(bench: Bench, rows: str) -> None:
    """Delete pending rows that would take too long."""
    with bench.site.engine.begin() as connection:
        connection.execute(text(f"DELETE FROM outbox WHERE done_at IS NULL AND {rows}"))


def time_emails(bench: Bench, emails: dict[int, str], stuck: dict[int, str]) -> float:
    """Return the seconds until all emails are here that wait in the queue, in turn with those that get stuck."""
    site, expected = bench.site, len(bench.site.smtp_server.raw) + len(emails)
    pairs = zip(stuck.items(), emails.items(), strict=True) if stuck else [emails.items()]
    rate, _ = drain(
        site.worker,
        lambda: bench.submit(enqueue_emails, site.settings, dict(chain.from_iterable(pairs))).result(),
        lambda: len(site.smtp_server.raw) >= expected,
        len(emails),
    )
    if stuck:
        assert bench.site.count("outbox WHERE done_at IS NULL") == len(stuck)
        forget(bench, f"domain LIKE '{STUCK}%'")
        time.sleep(UNTIL_FREE)
    return len(emails) / rate


def beside_stuck(bench: Bench, kind: str) -> Value:
    """Send emails alone and beside as many to the domain that never answers."""
    emails, stuck = (add_recipients(bench.site, each, EMAILS) for each in (kind, STUCK))
    time_emails(bench, emails, {})  # every process is warm
    turns = [(time_emails(bench, emails, {}), time_emails(bench, emails, stuck)) for _ in range(TURNS)]
    alone, beside = map(statistics.mean, zip(*turns, strict=True))
    return Value(beside / alone, f"{beside:.1f} s, alone {alone:.1f} s")


def beside_jobs(bench: Bench) -> Value:
    """Let people sign up alone and while every process for jobs is busy."""
    jobs = start_jobs_worker(bench)
    idle = statistics.median(measure_delays(bench))
    bench.submit(enqueue_jobs, bench.site.settings, JOBS, JOB_SECONDS).result()
    wait_until(lambda: bench.site.count(RUNNING) == JOBS, 10, "the jobs run")
    busy = statistics.median(measure_delays(bench))
    assert bench.site.count(RUNNING) == JOBS
    jobs.kill()
    forget(bench, "task = 'sleep'")
    return Value(busy / idle, f"{busy * 1000:.0f} ms, idle {idle * 1000:.0f} ms")


def measure_fairness(bench: Bench) -> list[Value]:
    """Send emails beside what could delay them."""
    return [beside_stuck(bench, NEAR), beside_stuck(bench, FAR), beside_jobs(bench)]
