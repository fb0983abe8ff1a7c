"""Redis is away, empty, silent or full."""

import signal
import time
from pathlib import Path

from tests.faults.environment import black_hole, iptables
from tests.faults.scenarios import LONG_MAIL_TIMEOUT, Environment, Fault, scenario

SLOW = {**LONG_MAIL_TIMEOUT, "SIMULATED_WORK_SECONDS": "0.3"}  # so that messages wait while the fault comes
AWAY = 6  # seconds


@scenario(settings=LONG_MAIL_TIMEOUT)
def redis_stopped(environment: Environment) -> Fault:
    """Connections are refused; the relay sends by itself."""
    before = environment.redis.process.popen.pid
    environment.redis.process.kill()
    yield
    environment.redis.start()
    return f"pid {before} -> {environment.redis.process.popen.pid}"


@scenario(settings=SLOW)
def redis_flushed(environment: Environment) -> Fault:
    """All messages are gone."""
    environment.load.run(environment.load.names(20), "during")
    waiting = environment.redis.count()
    environment.redis.ask("flushall")
    yield
    return f"{waiting} messages lost" if waiting else ""


@scenario(settings=SLOW, load=(6, 10, 6))
def redis_flushed_and_restarted(environment: Environment) -> Fault:
    """Five times under load, all messages are gone and then the server itself."""
    lost, pids = 0, [environment.redis.process.popen.pid]
    for _ in range(5):
        environment.load.run(environment.load.names(6), "during")
        lost += environment.redis.count()
        environment.redis.ask("flushall")
        environment.redis.process.kill()
        time.sleep(0.5)
        environment.redis.start()
        pids.append(environment.redis.process.popen.pid)
    yield
    return f"{lost} messages lost, pids {pids}"


@scenario(settings=LONG_MAIL_TIMEOUT)
def redis_gone_for_good(environment: Environment) -> Fault:
    """It never comes back: emails still go out."""
    environment.redis.process.kill()
    yield
    return f"pid {environment.redis.process.popen.pid} ended, never started again"


def dropped(environment: Environment, more: str = "") -> Fault:
    """Drop what comes to Redis for a while."""
    with iptables("redis", black_hole("redis", more)) as rule:
        if more:
            environment.redis.ask("client", "kill", "type", "normal")
        began = time.monotonic()
        yield
        time.sleep(max(0, began + AWAY - time.monotonic()))
    return str(rule) if rule.packets else ""


@scenario(settings=LONG_MAIL_TIMEOUT)
def redis_black_holed(environment: Environment) -> Fault:
    """No packet arrives, of old connections and new ones."""
    return dropped(environment)


@scenario(settings=LONG_MAIL_TIMEOUT)
def redis_black_holed_for_new_connections(environment: Environment) -> Fault:
    """Old connections were cut, new ones get no answer."""
    return dropped(environment, "--syn")


@scenario(settings=LONG_MAIL_TIMEOUT)
def redis_frozen(environment: Environment) -> Fault:
    """It takes connections and says nothing."""
    environment.redis.process.signal(signal.SIGSTOP)
    began = time.monotonic()
    yield
    time.sleep(max(0, began + AWAY - time.monotonic()))
    state = Path(f"/proc/{environment.redis.process.popen.pid}/stat").read_text().split()[2]
    environment.redis.process.signal(signal.SIGCONT)
    return "SIGSTOP: state T" if state == "T" else ""


@scenario(settings=LONG_MAIL_TIMEOUT)
def redis_full(environment: Environment) -> Fault:
    """It takes no more messages."""
    environment.redis.ask("config", "set", "maxmemory", "1")
    yield
    environment.redis.ask("config", "set", "maxmemory", "0")
    refused = [line for line in environment.redis.ask("info", "errorstats").splitlines() if "OOM" in line]
    return refused[0] if refused else ""
