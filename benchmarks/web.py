"""The web processes: memory after sign-ups, pages while many people sign up, and the start."""

import resource
import statistics
import subprocess
import sys
from functools import partial

from tests.integration.stack import NOTHING_SET
from tests.processes import ROOT

from benchmarks.accounting import memory
from benchmarks.bench import Bench
from benchmarks.clients import Done, fetch_home
from benchmarks.rows import Value

SIGN_UPS, CLIENTS = 300, 8
SECONDS = 5
PAGES, LOGINS = 50, 4  # a second
STORMS = 16, 64
# Libraries import these two where they find them: a tenth of the time. Only developers have them.
START = "import sys; sys.modules.update(yaml=None, pygments=None); import wsgi"


def measure_memory(bench: Bench) -> list[Value]:
    """Start the web processes anew and let people sign up."""
    bench.web.stop()
    bench.web = bench.site.start_uwsgi()
    bench.load(bench.signing_up()[1], seconds=60, at_once=CLIENTS, most=SIGN_UPS).result()
    sizes = sorted(memory(bench.web).values())
    return [Value(sizes[-1], f"together {sum(sizes):.0f} MB: {' + '.join(f'{size:.0f}' for size in sizes)}")]


def p99(done: list[Done]) -> float:
    """Return the 99th percentile of the seconds since each request was due."""
    return statistics.quantiles([each.seconds for each in done], n=100)[98]


def run_storm(bench: Bench, at_once: int) -> tuple[float, Value]:
    """Return the p99 of the home page and of a login, while so many people sign up as often as they can."""
    storm = bench.load(bench.signing_up()[1], seconds=SECONDS, at_once=at_once)
    pages = bench.load(partial(fetch_home, bench.site.port), seconds=SECONDS, at_once=8, rate=PAGES)
    logins = bench.load(bench.logging_in(), seconds=SECONDS, at_once=8, rate=LOGINS).result()
    refused, sign_ups = sum(each.is_refused for each in [*storm.result(), *logins]), len(storm.result()) / SECONDS
    bench.wait_until_idle()
    return p99(pages.result()), Value(
        p99(logins), f"{sign_ups:.0f} sign-ups/s; {refused} of them and the logins refused"
    )


def measure_storms(bench: Bench) -> list[Value]:
    """Fetch pages and log in, first alone."""
    idle = p99(bench.load(partial(fetch_home, bench.site.port), seconds=SECONDS, at_once=8, rate=PAGES).result())
    pages, logins = zip(*[run_storm(bench, at_once) for at_once in STORMS], strict=True)
    return [*(Value(page / idle, f"{page * 1000:.0f} ms, idle {idle * 1000:.0f} ms") for page in pages), *logins]


def measure_start(bench: Bench) -> list[Value]:
    """Start Python and create the application."""
    environ = {**NOTHING_SET, **bench.site.settings}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", START], check=True, cwd=ROOT, env=environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return [Value(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)]
