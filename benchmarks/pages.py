"""Pages: how many requests a second, beside a bare Flask view behind the same nginx and uWSGI."""

import re
import statistics
import subprocess

from tests.integration.stack import Stack
from tests.integration.visitor import LOG_IN
from tests.processes import HOST, Process, find_program

from benchmarks.accounting import cpu_seconds
from benchmarks.bench import Bench
from benchmarks.clients import email_of
from benchmarks.rows import Value

SECONDS, TURNS = 1, 4
CONNECTIONS = 16
BROWSER = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def run_wrk(stack: Stack, web: Process, path: str, cookie: str = "") -> tuple[float, float]:
    """Return how many requests a second were answered, and the web processes' CPU time of one, in ms."""
    options = f"-t1 -c{CONNECTIONS} -d{SECONDS}s --timeout 60s".split()
    headers = ["-H", BROWSER, *(["-H", f"Cookie: {cookie}"] if cookie else [])]
    before = cpu_seconds(web)
    output = subprocess.check_output(
        [find_program("wrk"), *options, *headers, f"http://{HOST}:{stack.port}{path}"], text=True
    )
    assert "Non-2xx" not in output, output
    assert "Socket errors" not in output, output
    requests = int(re.findall(r"(\d+) requests in", output)[0])
    return requests / SECONDS, (cpu_seconds(web) - before) * 1000 / requests


def beside_bare(bench: Bench, *pages: tuple[str, str]) -> list[Value]:
    """Return the rate of each page, a path and a cookie, as a share of a bare view's."""
    asked = [(bench.bare, bench.bare_web, "/", ""), *((bench.site, bench.web, *page) for page in pages)]
    turns = [[run_wrk(*each) for each in asked] for _ in range(TURNS)]
    (bare, bare_cpu), *found = [map(statistics.mean, zip(*turn, strict=True)) for turn in zip(*turns, strict=True)]
    return [
        Value(rate / bare, f"{rate:.0f} of {bare:.0f} requests/s; web CPU {cpu:.2f} ms, bare {bare_cpu:.2f} ms")
        for rate, cpu in found
    ]


def log_member_in(bench: Bench) -> str:
    """Return the cookies of a member's browser."""
    visitor = bench.site.visitor()
    visitor.headers["User-Agent"] = BROWSER.partition(": ")[2]
    assert visitor.log_in(email_of("member", 1)).status == 302
    visitor.get("/")  # from now on the cookie holds the CSRF token, as in a browser
    assert visitor.is_logged_in()
    return "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())


def measure_home(bench: Bench) -> list[Value]:
    """Fetch the home page, as a stranger and as a member."""
    return beside_bare(bench, ("/", ""), ("/", log_member_in(bench)))


def measure_login_form(bench: Bench) -> list[Value]:
    """Fetch the login form."""
    return beside_bare(bench, (LOG_IN, ""))
