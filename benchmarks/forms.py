"""Sign-ups and logins: how many a second, beside what all cores can hash; CPU time beside the hash."""

import statistics
from functools import partial
from typing import Any, NamedTuple

from benchmarks.accounting import cpu_seconds
from benchmarks.bench import CORES, Bench
from benchmarks.clients import count_hashes
from benchmarks.rows import Value
from flaskcelery.config import parsers

SECONDS = 4
HASHING = 0.75  # seconds, before and after
CLIENTS = 8


class Hashes(NamedTuple):
    """What the machine can hash now."""

    per_second: float  # all cores together
    seconds: float  # CPU time of one


def measure_hashes(bench: Bench, seconds: float = HASHING) -> Hashes:
    """Hash on every core at once."""
    parameters = parsers.argon2(bench.site.settings["ARGON2_PARAMETERS"])
    futures = [bench.submit(count_hashes, parameters, seconds) for _ in range(CORES)]
    rates, cpu = zip(*[future.result() for future in futures], strict=True)
    return Hashes(sum(rates), statistics.mean(cpu))


def beside_hashes(bench: Bench, act: partial[Any]) -> list[Value]:
    """Send forms as fast as the site takes them."""
    before, cpu = measure_hashes(bench), cpu_seconds(bench.web)
    done = bench.load(act, seconds=SECONDS, at_once=CLIENTS).result()
    assert not any(each.is_refused for each in done)
    cpu = (cpu_seconds(bench.web) - cpu) / len(done)
    after = measure_hashes(bench)
    limit, one = (before.per_second + after.per_second) / 2, (before.seconds + after.seconds) / 2
    rate = len(done) / (max(each.answered for each in done) - min(each.due for each in done))
    note = f"web CPU {cpu * 1000:.1f} ms with a hash of {one * 1000:.1f} ms"
    return [Value(rate / limit, f"{rate:.0f} of {limit:.0f}/s"), Value((cpu - one) / one, note)]


def measure_sign_ups(bench: Bench) -> list[Value]:
    """Sign up: form and submission."""
    return beside_hashes(bench, bench.signing_up()[1])


def measure_logins(bench: Bench) -> list[Value]:
    """Log in: form and submission."""
    return beside_hashes(bench, bench.logging_in())
