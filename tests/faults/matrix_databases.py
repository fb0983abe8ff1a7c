"""The database restarts, is silent, or has no room."""

import threading
import time

import psycopg

from tests.faults.environment import black_hole, iptables
from tests.faults.scenarios import Environment, Fault, scenario

POSTGRES, SQLITE = ("postgres",), ("sqlite",)
SLOW = {"SIMULATED_WORK_SECONDS": "0.1"}


def sends_at_once(environment: Environment) -> int:
    """Return how many emails can be between their sending and its record: one in each process of the pool."""
    return len(environment.stack.process("worker0").children())


def restarted(environment: Environment, mode: str) -> Fault:
    """Restart Postgres twice under load."""
    environment.allowed = 2 * sends_at_once(environment)
    pids = [environment.postgres.pid()]
    for _ in range(2):
        environment.load.run(environment.load.names(6), "during")
        environment.postgres.control("restart", "-m", mode)
        pids.append(environment.postgres.pid())
    yield
    return f"pids {pids}"


@scenario(databases=POSTGRES, refuses=True, settings=SLOW)
def postgres_restarted_fast(environment: Environment) -> Fault:
    """Connections are closed in order."""
    return restarted(environment, "fast")


@scenario(databases=POSTGRES, refuses=True, settings=SLOW)
def postgres_restarted_immediate(environment: Environment) -> Fault:
    """Connections break, and the log is replayed."""
    return restarted(environment, "immediate")


@scenario(databases=POSTGRES, settings={"MAIL_TIMEOUT": "1"}, load=(6, 0, 6))
def postgres_away_before_record(environment: Environment) -> Fault:
    """The email was sent, the database is away: the result is recorded once it is back."""
    environment.stack.wait_until_nothing_is_pending(10)
    environment.stack.arm("after_250", "hold")
    environment.load.run(environment.load.names(1), "during")
    proof = environment.stack.wait_taken(1)
    pid = environment.postgres.pid()
    environment.postgres.control("stop", "-m", "fast")
    time.sleep(2)
    environment.postgres.control("start")
    yield
    return f"{proof}, pid {pid} -> {environment.postgres.pid()}"


@scenario(databases=POSTGRES, refuses=True, settings=SLOW, load=(10, 8, 10), slowest=25, p99=25)
def postgres_black_holed(environment: Environment) -> Fault:
    """No packet arrives."""
    environment.allowed = sends_at_once(environment)
    environment.load.run(environment.load.names(6), "during")
    with iptables("pg", black_hole("pg")) as rule:
        yield
    return str(rule) if rule.packets else ""


@scenario(databases=POSTGRES, refuses=True, slowest=25, p99=25)
def postgres_out_of_connections(environment: Environment) -> Fault:
    """Somebody else holds every slot."""
    environment.allowed = 2
    hogs: list[psycopg.Connection[tuple[object, ...]]] = []
    with environment.postgres.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
        try:
            while len(hogs) < 100:
                hogs.append(environment.postgres.connect())
        except psycopg.OperationalError as error:
            proof = str(error).strip().rpartition("FATAL:")[2].strip()
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
        yield
    for hog in hogs:
        hog.close()
    return f"{len(hogs)} held: {proof}"


@scenario(databases=SQLITE, workers=2, slowest=12, p99=12, settings={"MAIL_TIMEOUT": "2"})
def sqlite_writers_contend(environment: Environment) -> Fault:
    """Sixteen visitors at once, and somebody who holds the lock for three seconds."""
    environment.load.at_once = 16
    with environment.stack.engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        blocked = time.monotonic()
        names = environment.load.names(16)
        thread = threading.Thread(target=environment.load.run, args=(names, "during"))
        thread.start()
        time.sleep(3)
        other.exec_driver_sql("COMMIT")
        held = time.monotonic() - blocked
        thread.join()
    slowest = max(made.seconds for made in environment.load.log if made.phase == "during")
    yield
    return f"lock held {held:.1f} s, slowest waited {slowest:.1f} s" if slowest > 2 else ""
