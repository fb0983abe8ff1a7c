"""Workers die, are frozen, or are killed together with the relay."""

import os
import signal
import time

from tests.faults.scenarios import Bench, Fault, scenario
from tests.processes import wait_until

KILLS = 5
SLOW = {"SIMULATED_WORK_SECONDS": "0.3"}
SHORT_LIFE = {"OUTBOX_EXPIRE_AFTER": "20"}


def kill_at(bench: Bench, point: str) -> Fault:
    """Kill whoever works at a point, KILLS times."""
    bench.stack.arm(point, times=KILLS)
    yield
    proof = bench.stack.wait_taken(KILLS)
    return f"{proof}: pool process killed"


@scenario()
def worker_killed_after_claim(bench: Bench) -> Fault:
    """The mail goes out when the lease is over."""
    return kill_at(bench, "after_claim")


@scenario()
def worker_killed_after_250(bench: Bench) -> Fault:
    """The one window: each kill may cost a second mail, under the same Message-ID."""
    bench.allowed = KILLS
    return kill_at(bench, "after_250")


@scenario()
def worker_killed_after_mark(bench: Bench) -> Fault:
    """The message comes again and finds the row done."""
    return kill_at(bench, "after_mark")


@scenario(settings=SLOW)
def pool_process_killed(bench: Bench) -> Fault:
    """A process of the pool is killed from outside, as by the kernel when memory is short."""
    worker = bench.stack.process("worker0")
    before = worker.children()
    bench.allowed = len(before)
    bench.load.run(bench.load.names(4), "during")
    for child in before:
        os.kill(child, signal.SIGKILL)
    yield
    wait_until(lambda: len(worker.children()) >= len(before), 10, "new pool processes")
    return f"pool {before} -> {worker.children()}"


@scenario(workers=2, settings=SLOW)
def all_killed(bench: Bench) -> Fault:
    """All workers and the relay die at once, as when the host restarts."""
    names = [*bench.stack.named("worker"), *bench.stack.named("relay")]
    bench.allowed = 2 * len(names)
    before = [bench.stack.process(name).popen.pid for name in names]
    bench.load.run(bench.load.names(6), "during")
    begin_again = bench.stack.end(*names)
    yield
    begin_again()
    return f"pids {before} -> {[bench.stack.process(name).popen.pid for name in names]}"


@scenario(workers=2, load=(6, 10, 6))
def worker_frozen_after_claim(bench: Bench) -> Fault:
    """A worker sleeps for three leases before it sends: it then leaves the mail to its successor."""
    return frozen_at(bench, "after_claim")


@scenario(workers=2, load=(6, 10, 6))
def worker_frozen_after_250(bench: Bench) -> Fault:
    """A worker sleeps for three leases before it marks: the one window."""
    bench.allowed = 1
    return frozen_at(bench, "after_250")


def frozen_at(bench: Bench, point: str) -> Fault:
    """Freeze the worker that reaches a point, its children included, for three leases."""
    bench.stack.wait_until_owed_is_over(10)  # on SQLite, who is frozen in a write would stop everybody
    bench.stack.arm(point, "hold")
    bench.load.run(bench.load.names(1), "during")
    proof = bench.stack.wait_taken(1)
    freezing = bench.stack.find(int(bench.stack.taken()[0].name.rpartition(".")[2]))
    began = time.monotonic()
    freezing.signal(signal.SIGSTOP)
    yield
    time.sleep(max(0, began + 3 * bench.stack.lease - time.monotonic()))
    freezing.signal(signal.SIGCONT)
    return f"{proof}: {freezing.log.stem} stopped for {time.monotonic() - began:.0f} s"


@scenario(relays=2, load=(6, 10, 6))
def relay_frozen_after_claim(bench: Bench) -> Fault:
    """A relay sleeps with a row in its own hands: nobody kills it, the lease alone keeps it from sending late."""
    bench.redis.process.kill()
    proof = yield from frozen_at(bench, "after_claim")
    bench.redis.start()
    return proof


@scenario()
def relay_killed(bench: Bench) -> Fault:
    """Redis is away, the relay sends by itself, and is killed before and after a mail has gone."""
    bench.redis.process.kill()
    bench.stack.arm("after_claim", times=2)
    bench.stack.arm("after_250", times=2)
    bench.allowed = 2
    yield
    proof = bench.stack.wait_taken(4)
    bench.redis.start()
    return f"{proof} and after_250, started again {bench.stack.restarts} times"


def poisoned(bench: Bench) -> Fault:
    """Let somebody sign up whose mail kills whoever sends it; all others have to get theirs meanwhile."""
    victims = bench.stack.points / "poison"
    victims.touch()
    bench.load.run(["poison1"], "during")
    wait_until(victims.read_text, 20, "a victim")
    yield
    others = "outbox WHERE done_at IS NULL"
    wait_until(lambda: bench.stack.count(others) == 1, 15, "all others have their mail")
    wait_until(lambda: bench.stack.count("outbox WHERE failed_at IS NOT NULL"), 60, "the poison row ends")
    return f"{len(victims.read_text().split())} processes killed by one row"


@scenario(settings=SHORT_LIFE, may_fail=".", load=(6, 20, 6))
def poison_row(bench: Bench) -> Fault:
    """A row that kills its worker each time starves nobody and ends failed."""
    return poisoned(bench)


@scenario(settings=SHORT_LIFE, may_fail=".", load=(6, 20, 6))
def poison_row_without_redis(bench: Bench) -> Fault:
    """The same row kills the relay each time."""
    bench.redis.process.kill()
    yield from poisoned(bench)
    bench.redis.start()
    return f"the relay was started again {bench.stack.restarts} times"


@scenario(workers=2)
def workers_restarted_gently(bench: Bench) -> Fault:
    """A new release: workers and relay are asked to stop in the middle of their work."""
    names = [*bench.stack.named("worker"), *bench.stack.named("relay")]
    before = [bench.stack.process(name) for name in names]
    bench.load.run(bench.load.names(6), "during")
    for process in before:
        process.popen.terminate()
    yield
    wait_until(lambda: bench.stack.restarts >= len(names), 20, "warm stops, new processes")
    return f"{len(names)} processes ended with {sorted({process.popen.returncode for process in before})}"
