"""The mail server refuses, hangs, drops, or says yes and is not heard."""

import sys
import time
from pathlib import Path

from tests.faults.environment import HOSTS, PORTS, inside, iptables
from tests.faults.scenarios import LONG_MAIL_TIMEOUT, Environment, Fault, scenario
from tests.processes import start

AWAY = 6  # seconds
LONG = 12  # seconds, in which a row without back-off would be tried again and again
DRIPPING_TIMEOUT = 1.5  # longer than the second between two bytes


def in_mode(environment: Environment, mode: str, takes: bool = False) -> Fault:
    """Run the sink in a mode for a while; the sessions that it had prove it."""
    environment.stack.wait_until_nothing_is_pending(10)
    environment.sink.become(mode, takes)
    seen, began = environment.sink.count_sessions(), time.monotonic()
    yield
    time.sleep(max(0, began + AWAY - time.monotonic()))
    sessions = environment.sink.count_sessions() - seen
    environment.sink.become()
    return f"smtp-sink {mode}: {sessions} sessions" if sessions else ""


@scenario(attempts=5)
def smtp_refusing(environment: Environment) -> Fault:
    """Nobody listens; rows wait longer and longer."""
    environment.stack.wait_until_nothing_is_pending(10)
    before = environment.sink.process
    before.kill()
    began = time.monotonic()
    yield
    time.sleep(max(0, began + LONG - time.monotonic()))
    refused = environment.stack.count("outbox WHERE error LIKE '%CONNECT: ConnectionRefusedError%'")
    environment.sink.start()
    pids = f"pid {before.popen.pid} -> {environment.sink.process.popen.pid}"
    return f"{pids}, {refused} rows met it" if refused else ""


@scenario()
def smtp_banner_times_out(environment: Environment) -> Fault:
    """The server takes the connection and does not greet."""
    return in_mode(environment, "-W CONNECT:60")


@scenario()
def smtp_silent_after_dot(environment: Environment) -> Fault:
    """The server has the email and does not answer: nobody knows."""
    return in_mode(environment, "-W .:60")


@scenario(settings={"MAIL_TIMEOUT": str(DRIPPING_TIMEOUT)}, load=(6, 4, 6))
def smtp_drips(environment: Environment) -> Fault:
    """The server greets at one byte a second: no timeout of a single step ends that, the deadline does."""
    environment.stack.wait_until_nothing_is_pending(10)
    environment.sink.process.kill()
    address = [HOSTS["smtp"], str(PORTS["smtp"])]
    command = inside("smtp", sys.executable, str(Path(__file__).with_name("drip.py")), *address)
    dripping = start("drip", command, environment.stack.folder, {})
    yield
    time.sleep(6 * DRIPPING_TIMEOUT)
    sessions = [float(line) for line in dripping.log.read_text().split()]
    dripping.kill()
    environment.sink.start()
    # A whole send has three timeouts, the server notices its end a little later; a task is killed after six.
    assert sessions, "no session ended: the workers are not free again"
    assert max(sessions) < 5 * DRIPPING_TIMEOUT, f"a session lasted {max(sessions)} s"
    return f"{len(sessions)} sessions ended after {max(sessions)} s at most"


@scenario(settings=LONG_MAIL_TIMEOUT)
def smtp_4xx_to_rcpt(environment: Environment) -> Fault:
    """Try again later."""
    return in_mode(environment, "-r RCPT")


@scenario()
def smtp_421_to_mail(environment: Environment) -> Fault:
    """Try again later, and good-bye."""
    return in_mode(environment, "-Q MAIL")


@scenario()
def smtp_4xx_to_dot(environment: Environment) -> Fault:
    """The whole email, then: try again later."""
    return in_mode(environment, "-r .")


@scenario(may_fail="RCPT: 5", attempts=1)
def smtp_5xx_to_rcpt(environment: Environment) -> Fault:
    """Never: failed after one attempt, where an operator sees it."""
    proof = yield from in_mode(environment, "-f RCPT")
    failed = environment.stack.count("outbox WHERE failed_at IS NOT NULL")
    return f"{proof}, {failed} rows failed" if failed else ""


@scenario()
def smtp_5xx_to_mail(environment: Environment) -> Fault:
    """The sender is refused: an operator has to fix that, and no row fails."""
    return in_mode(environment, "-f MAIL")


@scenario()
def smtp_drops_at_dot(environment: Environment) -> Fault:
    """The connection is lost after the final dot."""
    return in_mode(environment, "-q .")


@scenario(settings=LONG_MAIL_TIMEOUT)
def smtp_drops_at_quit(environment: Environment) -> Fault:
    """The email was taken; what comes after changes nothing."""
    return in_mode(environment, "-q QUIT", takes=True)


@scenario()
def smtp_250_lost(environment: Environment) -> Fault:
    """Exactly the answer to the final dot is lost: the one window."""
    environment.stack.wait_until_nothing_is_pending(10)
    environment.sink.become()
    rule = f"OUTPUT -p tcp --sport {PORTS['smtp']} -m string --algo bm --string '250 2.0.0 Ok' -j DROP"
    with iptables("smtp", rule) as lost:
        yield
        time.sleep(AWAY)
        environment.allowed = environment.sink.count_dumps()
    environment.sink.become()
    return f"{lost}, {environment.allowed} answers lost" if lost.packets else ""


@scenario(load=(10, 10, 10))
def smtp_flapping(environment: Environment) -> Fault:
    """It is fine, refuses, drops, hangs, is away, and begins again."""
    modes = ("-r RCPT", "", "-Q MAIL", "-q QUIT", "-W .:60", "", "-q .", "-r .", "")
    for mode in modes:
        takes = mode in {"", "-q QUIT"}
        environment.sink.become(mode, takes)
        environment.allowed += 2  # a server that is killed may have taken an email in each pool process
        environment.load.run(environment.load.names(5), "during")
        time.sleep(1)
    yield
    return f"{len(modes)} modes, {environment.sink.count_sessions()} sessions"
