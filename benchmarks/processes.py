"""Growth: what one, two and four processes do."""

import statistics
from collections.abc import Iterator

from tests.integration.stack import PROCFILE

from benchmarks.bench import Bench
from benchmarks.clients import enqueue_emails
from benchmarks.emails import drain
from benchmarks.pages import log_member_in, run_wrk
from benchmarks.recipients import FAR, add_recipients
from benchmarks.rows import Value

COUNTS = 1, 2, 4
TURNS, SECONDS, CLIENTS = 5, 2, 8
EMAILS = 150  # of each process


def measure_web(bench: Bench, count: int) -> tuple[float, float]:
    """Return the pages/s and logins/s of so many processes for pages, and as many for forms."""
    bench.web.stop()
    bench.web = bench.site.start_uwsgi(WEB_PROCESSES=str(2 * count))
    cookie = log_member_in(bench)
    _, *pages = [run_wrk(bench.site, bench.web, "/", cookie)[0] for _ in range(1 + TURNS)]
    _, *logins = [time_logins(bench) for _ in range(1 + TURNS)]
    return statistics.median(pages), statistics.median(logins)


def time_logins(bench: Bench) -> float:
    """Return how many logins a second are answered."""
    done = bench.load(bench.logging_in(), seconds=SECONDS, at_once=CLIENTS).result()
    assert not any(each.is_refused for each in done)
    return len(done) / (max(each.answered for each in done) - min(each.due for each in done))


def measure_worker(bench: Bench, count: int) -> float:
    """Return the emails/s of so many processes, with the mail server 50 ms away."""
    site, emails = bench.site, add_recipients(bench.site, FAR, EMAILS * count)
    site.worker.stop()
    site.worker = site.run(f"worker{count}", PROCFILE["worker"].replace("--concurrency 4", f"--concurrency {count}"))
    site.worker.wait_for_text("ready.")
    expected = len(site.smtp_server.raw) + len(emails)
    rate, _ = drain(
        site.worker,
        lambda: bench.submit(enqueue_emails, site.settings, emails).result(),
        lambda: len(site.smtp_server.raw) >= expected,
        len(emails),
    )
    bench.wait_until_idle()
    return rate


def compare(rates: tuple[float, ...], what: str) -> Iterator[Value]:
    """Return what more processes do, of what the first one does."""
    note = f"{what}: {', '.join(f'{rate:.0f}' for rate in rates)}"
    yield from (Value(rate / rates[0], note) for rate in rates[1:])


def measure_processes(bench: Bench) -> list[Value]:
    """Measure with more and more processes."""
    pages, logins = zip(*[measure_web(bench, count) for count in COUNTS], strict=True)
    drained = tuple(measure_worker(bench, count) for count in COUNTS)
    return [*compare(pages, "pages/s"), *compare(logins, "logins/s"), *compare(drained, "emails/s")]
