"""Memory: does it stay the same over many requests, logins, emails and jobs?"""

from itertools import cycle

from tests.integration.stack import UWSGI_INI
from tests.integration.visitor import LOG_IN
from tests.processes import Process

from benchmarks.accounting import memory
from benchmarks.bench import Bench
from benchmarks.clients import enqueue_emails
from benchmarks.jobs import enqueue_jobs, start_jobs_worker, start_relay
from benchmarks.pages import SECONDS, log_member_in, run_wrk
from benchmarks.rows import Value

WARM_UP, REQUESTS = 10_000, 100_000
PATIENCE = 600  # seconds
# One of so many requests is a login or a sign-up, and for so many there is one email or job.
LOGINS, SIGN_UPS, EMAILS, JOBS = 50, 200, 50, 100


def put_load(bench: Bench, requests: int, cookie: str) -> None:
    """Send so many requests, most of them by wrk, and wait until all that they left is done."""
    settings, members = bench.site.settings, dict(list(bench.members.items())[: requests // EMAILS])
    logins = bench.load(bench.logging_in(), seconds=PATIENCE, at_once=4, most=requests // LOGINS)
    sign_ups = bench.load(bench.signing_up()[1], seconds=PATIENCE, at_once=2, most=requests // SIGN_UPS)
    others = [
        bench.submit(enqueue_emails, settings, members, rate=20),
        bench.submit(enqueue_jobs, settings, requests // JOBS, 0),
    ]
    left = requests - 2 * (requests // LOGINS + requests // SIGN_UPS)  # each fetches its form, too
    # The slowest page comes first, so that the warm-up reaches each one.
    for page in cycle([("/accounts/me/", cookie), ("/", cookie), (LOG_IN, ""), ("/", "")]):
        if left <= 0:
            break
        left -= int(run_wrk(bench.site, bench.web, *page)[0] * SECONDS)
    for load in [logins, sign_ups, *others]:
        load.result()
    bench.wait_until_idle()


def compare(before: dict[int, float], after: dict[int, float]) -> Value:
    """Return by how much the process has grown that has grown most."""
    assert before.keys() == after.keys()  # none was replaced
    growth, pid = max((after[pid] / before[pid], pid) for pid in before)
    total = f"together {sum(before.values()):.0f} and {sum(after.values()):.0f} MB"
    return Value(growth, f"{before[pid]:.1f} and {after[pid]:.1f} MB; {total}")


def measure_flat(bench: Bench) -> list[Value]:
    """Compare the memory of all processes before and after many requests."""
    bench.web.stop()
    bench.web = bench.site.start_uwsgi(f"{UWSGI_INI} --max-requests 0")  # new processes would hide that old ones grow
    jobs, relay = start_jobs_worker(bench), start_relay(bench)
    parts: list[Process] = [bench.web, bench.site.worker, jobs, relay]
    cookie = log_member_in(bench)
    put_load(bench, WARM_UP, cookie)
    before = [memory(part) for part in parts]
    put_load(bench, REQUESTS, cookie)
    values = [compare(first, memory(part)) for first, part in zip(before, parts, strict=True)]
    jobs.stop()
    relay.stop()
    return values
