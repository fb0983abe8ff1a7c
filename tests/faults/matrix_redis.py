"""Redis is away, empty, silent or full."""

import signal
import time
from pathlib import Path

from tests.faults.bench import black_hole, iptables
from tests.faults.scenarios import Bench, Fault, scenario

SLOW = {"SIMULATED_WORK_SECONDS": "0.3"}  # so that messages wait while the fault comes
AWAY = 6  # seconds


@scenario()
def redis_stopped(bench: Bench) -> Fault:
    """Connections are refused; the relay sends by itself."""
    before = bench.redis.process.popen.pid
    bench.redis.process.kill()
    yield
    bench.redis.start()
    return f"pid {before} -> {bench.redis.process.popen.pid}"


@scenario(settings=SLOW)
def redis_flushed(bench: Bench) -> Fault:
    """All messages are gone."""
    bench.load.run(bench.load.names(20), "during")
    waiting = bench.redis.count()
    bench.redis.ask("flushall")
    yield
    return f"{waiting} messages lost" if waiting else ""


@scenario(settings=SLOW, load=(6, 10, 6))
def redis_flushed_and_restarted(bench: Bench) -> Fault:
    """Five times under load, all messages are gone and then the server itself."""
    lost, pids = 0, [bench.redis.process.popen.pid]
    for _ in range(5):
        bench.load.run(bench.load.names(6), "during")
        lost += bench.redis.count()
        bench.redis.ask("flushall")
        bench.redis.process.kill()
        time.sleep(0.5)
        bench.redis.start()
        pids.append(bench.redis.process.popen.pid)
    yield
    return f"{lost} messages lost, pids {pids}"


@scenario()
def redis_gone_for_good(bench: Bench) -> Fault:
    """It never comes back: mails still go out."""
    bench.redis.process.kill()
    yield
    return f"pid {bench.redis.process.popen.pid} ended, never started again"


def dropped(bench: Bench, more: str = "") -> Fault:
    """Drop what comes to Redis for a while."""
    with iptables("redis", black_hole("redis", more)) as rule:
        if more:
            bench.redis.ask("client", "kill", "type", "normal")
        began = time.monotonic()
        yield
        time.sleep(max(0, began + AWAY - time.monotonic()))
    return str(rule) if rule.packets else ""


@scenario()
def redis_black_holed(bench: Bench) -> Fault:
    """No packet arrives, of old connections and new ones."""
    return dropped(bench)


@scenario()
def redis_black_holed_for_new_connections(bench: Bench) -> Fault:
    """Old connections were cut, new ones get no answer."""
    return dropped(bench, "--syn")


@scenario()
def redis_frozen(bench: Bench) -> Fault:
    """It takes connections and says nothing."""
    bench.redis.process.signal(signal.SIGSTOP)
    began = time.monotonic()
    yield
    time.sleep(max(0, began + AWAY - time.monotonic()))
    state = Path(f"/proc/{bench.redis.process.popen.pid}/stat").read_text().split()[2]
    bench.redis.process.signal(signal.SIGCONT)
    return "SIGSTOP: state T" if state == "T" else ""


@scenario()
def redis_full(bench: Bench) -> Fault:
    """It takes no more messages."""
    bench.redis.ask("config", "set", "maxmemory", "1")
    yield
    bench.redis.ask("config", "set", "maxmemory", "0")
    refused = [line for line in bench.redis.ask("info", "errorstats").splitlines() if "OOM" in line]
    return refused[0] if refused else ""
