"""The web server is killed in the middle of a sign-up."""

import os
import signal

from tests.faults.scenarios import LONG_MAIL_TIMEOUT, Environment, Fault, scenario
from tests.processes import wait_until

KILLS = 5


def kill_at(environment: Environment, point: str) -> Fault:
    """Kill uWSGI's processes at a point of the sign-up, KILLS times."""
    environment.stack.arm(point, times=KILLS)
    yield
    proof = environment.stack.wait_taken(KILLS)
    environment.stack.disarm()
    return f"{proof}: uWSGI process killed"


@scenario(refuses=True, settings=LONG_MAIL_TIMEOUT)
def web_killed_before_commit(environment: Environment) -> Fault:
    """Nothing is stored: the visitor tries again."""
    return kill_at(environment, "before_commit")


@scenario(refuses=True, settings=LONG_MAIL_TIMEOUT)
def web_killed_before_publish(environment: Environment) -> Fault:
    """The account is stored, nobody was told: the relay finds the row."""
    return kill_at(environment, "before_publish")


@scenario(refuses=True, settings=LONG_MAIL_TIMEOUT)
def web_killed_after_publish(environment: Environment) -> Fault:
    """The account is stored, the visitor is not told: a second try says so."""
    return kill_at(environment, "after_publish")


@scenario(refuses=True, settings=LONG_MAIL_TIMEOUT)
def web_killed_at_random(environment: Environment) -> Fault:
    """Two processes of uWSGI die under load, wherever they are."""
    before = sorted(environment.stack.process("web").children())
    os.kill(before[0], signal.SIGKILL)
    environment.load.run(environment.load.names(10), "during")
    os.kill(before[-1], signal.SIGKILL)
    yield

    def children() -> set[int]:
        return set(environment.stack.process("web").children())

    wait_until(lambda: len(children() - {before[0], before[-1]}) == len(before), 5, "both are replaced")
    return f"processes {before} -> {sorted(children())}"
