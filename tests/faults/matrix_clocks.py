"""Clocks that disagree: the database's own decides everything."""

import glob
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.load import address
from tests.faults.scenarios import Environment, Fault, scenario
from tests.integration.visitor import Visitor

SKEW = 2  # hours
POSTGRES = ("postgres",)
DEAR = {"slowest": 8, "p99": 8}  # libfaketime takes three times the processor's time
SOON = 6  # seconds until a session ends by the database's clock


def skewed(environment: Environment, hours: int) -> Fault:
    """Add a worker whose clock is wrong; it keeps running."""
    environment.stack.settings["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
    worker = environment.stack.add_worker("workerskewed", f"faketime -f {hours:+d}h")
    worker.wait_for_text("ready.")
    environment.stack.arm("after_claim", times=2)
    yield
    environment.stack.wait_taken(2)
    [program] = worker.children()  # of faketime
    found = re.search(r"\0FAKETIME=(\S+?)\0", Path(f"/proc/{program}/environ").read_text())
    return f"its clock is off by {found[1]}" if found else ""


@scenario(databases=POSTGRES)
def worker_clock_ahead(environment: Environment) -> Fault:
    """One worker is two hours ahead."""
    return skewed(environment, SKEW)


@scenario(databases=POSTGRES)
def worker_clock_behind(environment: Environment) -> Fault:
    """One worker is two hours behind."""
    return skewed(environment, -SKEW)


def member(environment: Environment, number: int) -> Visitor:
    """Return one of those who have signed up, logged in."""
    visitor = environment.stack.visitor()
    assert visitor.log_in(address(environment.load.log[number].name)).status == 302
    return visitor


def web_skewed(environment: Environment, hours: int) -> Fault:
    """Start uWSGI under a wrong clock; the clocks of workers and database are right."""
    stack, early, leaving = environment.stack, member(environment, 0), member(environment, 1)
    library = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")[0]  # its wrapper would keep our signals to itself
    stack.replace_web(LD_PRELOAD=library, FAKETIME=f"{hours:+d}h", FAKETIME_DONT_FAKE_MONOTONIC="1")
    late = member(environment, 2)
    ends = end_session_soon(environment, environment.load.log[1].email)
    assert all(visitor.is_logged_in() for visitor in (early, leaving, late)), "somebody was logged out early"
    yield
    assert environment.probe(), "an email was early or late"
    time.sleep(max(0, ends - time.monotonic()))
    assert not leaving.is_logged_in(), "a session was extended"
    assert all(visitor.is_logged_in() for visitor in (early, late)), "somebody was logged out"
    began = re.findall(r"Starting uWSGI .* on \[(.+?)\]", stack.process("web").log.read_text())
    off = datetime.strptime(began[-1], "%c").astimezone(UTC) - datetime.now(UTC)
    stack.replace_web()
    assert all(visitor.is_logged_in() for visitor in (early, late)), "somebody was logged out when the clock was right"
    return f"its clock is off by {off.total_seconds() / 3600:+.1f} h" if abs(off.total_seconds()) > 3600 else ""


def end_session_soon(environment: Environment, email: str) -> float:
    """Let the sessions of a user end soon; return the moment after which they are over."""
    change = "UPDATE login_sessions SET expires_at = now() + %(soon)s * interval '1 second' FROM users"
    with environment.stack.engine.begin() as connection:
        values = {"soon": SOON, "email": email}
        connection.exec_driver_sql(f"{change} WHERE users.id = user_id AND email = %(email)s", values)
    return time.monotonic() + SOON + 0.5


@scenario(databases=POSTGRES, refuses=True, **DEAR)
def web_clock_ahead(environment: Environment) -> Fault:
    """The web server is two hours ahead: nobody's session ends early, no email waits."""
    return web_skewed(environment, SKEW)


@scenario(databases=POSTGRES, refuses=True, **DEAR)
def web_clock_behind(environment: Environment) -> Fault:
    """The web server is two hours behind: cookies come from its future, and no session lives longer."""
    return web_skewed(environment, -SKEW)
