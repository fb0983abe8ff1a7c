"""The database restarts, is silent, or has no room."""

import threading
import time

import psycopg

from tests.faults.bench import black_hole, iptables
from tests.faults.scenarios import Bench, Fault, scenario

POSTGRES, SQLITE = ("postgres",), ("sqlite",)
SLOW = {"SIMULATED_WORK_SECONDS": "0.1"}


def restarted(bench: Bench, mode: str) -> Fault:
    """Restart Postgres twice under load."""
    bench.allowed = 2 * 2  # a send in each pool process, twice
    pids = [bench.postgres.pid()]
    for _ in range(2):
        bench.load.run(bench.load.names(6), "during")
        bench.postgres.control("restart", "-m", mode)
        pids.append(bench.postgres.pid())
    yield
    return f"pids {pids}"


@scenario(databases=POSTGRES, refuses=True, settings=SLOW)
def postgres_restarted_fast(bench: Bench) -> Fault:
    """Connections are closed in order."""
    return restarted(bench, "fast")


@scenario(databases=POSTGRES, refuses=True, settings=SLOW)
def postgres_restarted_immediate(bench: Bench) -> Fault:
    """Connections break, and the log is replayed."""
    return restarted(bench, "immediate")


@scenario(databases=POSTGRES, settings={"MAIL_TIMEOUT": "1"}, load=(6, 0, 6))
def postgres_away_before_mark(bench: Bench) -> Fault:
    """The mail has gone, the database is away: the mark is tried until it is back."""
    bench.stack.wait_until_owed_is_over(10)
    bench.stack.arm("after_250", "hold")
    bench.load.run(bench.load.names(1), "during")
    proof = bench.stack.wait_taken(1)
    pid = bench.postgres.pid()
    bench.postgres.control("stop", "-m", "fast")
    time.sleep(2)
    bench.postgres.control("start")
    yield
    return f"{proof}, pid {pid} -> {bench.postgres.pid()}"


@scenario(databases=POSTGRES, refuses=True, settings=SLOW, load=(10, 8, 10), slowest=25, p99=25)
def postgres_black_holed(bench: Bench) -> Fault:
    """No packet arrives."""
    bench.allowed = 2
    bench.load.run(bench.load.names(6), "during")
    with iptables("pg", black_hole("pg")) as rule:
        yield
    return str(rule) if rule.packets else ""


@scenario(databases=POSTGRES, refuses=True, slowest=25, p99=25)
def postgres_out_of_connections(bench: Bench) -> Fault:
    """Somebody else holds every slot."""
    bench.allowed = 2
    hogs: list[psycopg.Connection[tuple[object, ...]]] = []
    with bench.postgres.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
        try:
            while len(hogs) < 100:
                hogs.append(bench.postgres.connect())
        except psycopg.OperationalError as error:
            proof = str(error).strip().rpartition("FATAL:")[2].strip()
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
        yield
    for hog in hogs:
        hog.close()
    return f"{len(hogs)} held: {proof}"


@scenario(databases=SQLITE, workers=2, slowest=12, p99=12, settings={"MAIL_TIMEOUT": "2"})
def sqlite_writers_contend(bench: Bench) -> Fault:
    """Sixteen visitors at once, and somebody who holds the lock for three seconds."""
    bench.load.at_once = 16
    with bench.stack.engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        blocked = time.monotonic()
        names = bench.load.names(16)
        thread = threading.Thread(target=bench.load.run, args=(names, "during"))
        thread.start()
        time.sleep(3)
        other.exec_driver_sql("COMMIT")
        held = time.monotonic() - blocked
        thread.join()
    slowest = max(made.seconds for made in bench.load.log if made.phase == "during")
    yield
    return f"lock held {held:.1f} s, slowest waited {slowest:.1f} s" if slowest > 2 else ""
