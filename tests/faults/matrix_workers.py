"""Workers die, are frozen, or are killed together with the relay."""

import os
import signal
import time

from tests.faults.scenarios import Environment, Fault, scenario
from tests.processes import wait_until

KILLS = 5
SLOW = {"SIMULATED_WORK_SECONDS": "0.3"}
SHORT_LIFE = {"OUTBOX_EXPIRE_AFTER": "20"}


def kill_at(environment: Environment, point: str) -> Fault:
    """Kill whoever works at a point, KILLS times."""
    environment.stack.arm(point, times=KILLS)
    yield
    proof = environment.stack.wait_taken(KILLS)
    return f"{proof}: pool process killed"


@scenario()
def worker_killed_after_claim(environment: Environment) -> Fault:
    """The email goes out when the lease is over."""
    return kill_at(environment, "after_claim")


@scenario()
def worker_killed_after_250(environment: Environment) -> Fault:
    """The one window: each kill may cost a second email, under the same Message-ID."""
    environment.allowed = KILLS
    return kill_at(environment, "after_250")


@scenario()
def worker_killed_after_record(environment: Environment) -> Fault:
    """The message comes again and finds the row done."""
    return kill_at(environment, "after_record")


@scenario(settings=SLOW)
def pool_process_killed(environment: Environment) -> Fault:
    """A process of the pool is killed from outside, as by the kernel when memory is short."""
    worker = environment.stack.process("worker0")
    before = worker.children()
    environment.allowed = len(before)
    environment.load.run(environment.load.names(4), "during")
    for child in before:
        os.kill(child, signal.SIGKILL)
    yield
    wait_until(lambda: len(worker.children()) >= len(before), 10, "new pool processes")
    return f"pool {before} -> {worker.children()}"


@scenario(workers=2, settings=SLOW)
def all_killed(environment: Environment) -> Fault:
    """All workers and the relay die at once, as when the host restarts."""
    names = [*environment.stack.named("worker"), *environment.stack.named("relay")]
    environment.allowed = 2 * len(names)
    before = [environment.stack.process(name).popen.pid for name in names]
    environment.load.run(environment.load.names(6), "during")
    begin_again = environment.stack.end(*names)
    yield
    begin_again()
    return f"pids {before} -> {[environment.stack.process(name).popen.pid for name in names]}"


@scenario(workers=2, load=(6, 10, 6))
def worker_frozen_after_claim(environment: Environment) -> Fault:
    """A worker sleeps for three leases before it sends: it then leaves the email to its successor."""
    return frozen_at(environment, "after_claim")


@scenario(workers=2, load=(6, 10, 6))
def worker_frozen_after_250(environment: Environment) -> Fault:
    """A worker sleeps for three leases before it marks: the one window."""
    environment.allowed = 1
    return frozen_at(environment, "after_250")


def frozen_at(environment: Environment, point: str) -> Fault:
    """Freeze the worker that reaches a point, its children included, for three leases."""
    environment.stack.wait_until_nothing_is_pending(10)  # on SQLite, who is frozen in a write would stop everybody
    environment.stack.arm(point, "hold")
    environment.load.run(environment.load.names(1), "during")
    proof = environment.stack.wait_taken(1)
    freezing = environment.stack.find(int(environment.stack.taken()[0].name.rpartition(".")[2]))
    began = time.monotonic()
    freezing.signal(signal.SIGSTOP)
    yield
    time.sleep(max(0, began + 3 * environment.stack.lease - time.monotonic()))
    freezing.signal(signal.SIGCONT)
    return f"{proof}: {freezing.log.stem} stopped for {time.monotonic() - began:.0f} s"


@scenario(relays=2, load=(6, 10, 6))
def relay_frozen_after_claim(environment: Environment) -> Fault:
    """A relay sleeps after it has claimed a row: nobody kills it, the lease alone keeps it from sending late."""
    environment.redis.process.kill()
    proof = yield from frozen_at(environment, "after_claim")
    environment.redis.start()
    return proof


@scenario()
def relay_killed(environment: Environment) -> Fault:
    """Redis is away, the relay sends by itself, and is killed before and after an email has gone."""
    environment.redis.process.kill()
    environment.stack.arm("after_claim", times=2)
    environment.stack.arm("after_250", times=2)
    environment.allowed = 2
    yield
    proof = environment.stack.wait_taken(4)
    environment.redis.start()
    return f"{proof} and after_250, started again {environment.stack.restarts} times"


def poisoned(environment: Environment) -> Fault:
    """Let somebody sign up whose email kills whoever sends it; all others have to get theirs meanwhile."""
    victims = environment.stack.points / "poison"
    victims.touch()
    environment.load.run(["poison1"], "during")
    wait_until(victims.read_text, 20, "a victim")
    yield
    others = "outbox WHERE done_at IS NULL"
    wait_until(lambda: environment.stack.count(others) == 1, 15, "all others have their email")
    wait_until(lambda: environment.stack.count("outbox WHERE failed_at IS NOT NULL"), 60, "the poison row ends")
    return f"{len(victims.read_text().split())} processes killed by one row"


@scenario(settings=SHORT_LIFE, may_fail=".", load=(6, 20, 6))
def poison_row(environment: Environment) -> Fault:
    """A row that kills its worker each time starves nobody and ends failed."""
    return poisoned(environment)


@scenario(settings=SHORT_LIFE, may_fail=".", load=(6, 20, 6))
def poison_row_without_redis(environment: Environment) -> Fault:
    """The same row kills the relay each time."""
    environment.redis.process.kill()
    yield from poisoned(environment)
    environment.redis.start()
    return f"the relay was started again {environment.stack.restarts} times"


@scenario(workers=2)
def workers_restarted_gently(environment: Environment) -> Fault:
    """A new release: workers and relay are asked to stop in the middle of their work."""
    names = [*environment.stack.named("worker"), *environment.stack.named("relay")]
    before = [environment.stack.process(name) for name in names]
    environment.load.run(environment.load.names(6), "during")
    for process in before:
        process.popen.terminate()
    yield
    wait_until(lambda: environment.stack.restarts >= len(names), 20, "warm stops, new processes")
    return f"{len(names)} processes ended with {sorted({process.popen.returncode for process in before})}"
