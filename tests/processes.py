"""What starts real parts in a test: programs, ports, and processes that end with all they started."""

import functools
import glob
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NoReturn

import pytest

from tests.forks import PROGRAMS, Forked, ForkServer

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
HOST = "127.0.0.1"
FORKS = hasattr(os, "pidfd_open") and "benchmarks" not in sys.modules  # forked processes share memory: no fair figures
PACKAGES = {
    "initdb": "postgresql",
    "postgres": "postgresql",
    "smtp-sink": "postfix",
    "node": "nodejs",
    "java": "default-jre-headless",
    "ip": "iproute2",
    "redis-cli": "redis-tools",
    "promtool": "prometheus",
    "psql": "postgresql",
    "pg_dump": "postgresql",
    "pg_restore": "postgresql",
}  # where not named as the program
XDIST_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
PORTS = iter(random.sample(range(20_000 + 1_500 * XDIST_WORKER, 21_500 + 1_500 * XDIST_WORKER), 1_500))


@dataclass
class Process:
    """A running part and the file that holds what it printed."""

    popen: subprocess.Popen[bytes] | Forked
    log: Path

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and to all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        """End the process and all that it started, at once."""
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self, patience: float = 10) -> None:
        """Ask the process to stop, then end whatever of it is left."""
        self.popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(patience)
        self.kill()

    def children(self) -> list[int]:
        """Return the ids of the processes that it started itself."""
        pid = self.popen.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def cpu_seconds(self) -> float:
        """Return the CPU time that its own processes have used."""
        return sum(map(cpu_seconds, self.children()))

    def wait_for_text(self, text: str, seconds: float = 30) -> None:
        """Wait until the process has printed `text`."""
        wait_until(lambda: text in self.log.read_text() or self.fail_if_ended(), seconds, f"{self.log.name}: {text}")

    def wait_for_port(self, port: int, seconds: float = 30, host: str = HOST) -> None:
        """Wait until the process takes connections."""
        wait_until(lambda: is_open(port, host) or self.fail_if_ended(), seconds, f"{self.log.name}: port {port}")

    def fail_if_ended(self) -> bool:
        """Fail the test, with the log's end, if the process has ended by itself."""
        if self.popen.poll() is not None:
            pytest.fail(f"{self.log.stem} ended with {self.popen.returncode}:\n{self.log.read_text()[-3000:]}")
        return False


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of those of its children that have ended; 0 if it has ended itself."""
    with suppress(OSError):
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return 0.0


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until `condition` is true; fail the test when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.05)  # what is asked costs CPU time that the other tests need


def find_program(name: str) -> str:
    """Return the path of a program; without it the test is skipped, or fails where CI=true."""
    newest_first = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: float(p.split("/")[4]), reverse=True)
    folders = [os.environ["PATH"], "/usr/sbin", "/usr/local/sbin", *newest_first]
    return shutil.which(name, path=os.pathsep.join(folders)) or miss(
        f"{name} is missing. On Debian or Ubuntu: apt-get install {PACKAGES.get(name, name)}"
    )


def miss(sentence: str) -> NoReturn:
    """Skip the test because this machine lacks something; CI has everything, so there it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


def free_port() -> int:
    """Return an unused loopback port below the kernel's own range; each xdist worker draws from a range of its own."""
    for port in PORTS:  # never one twice: what draws a port often opens it much later
        with suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            return port
    raise RuntimeError("no port is left")


def ipv6_address(port: int) -> str:
    """Return where a server listens for IPv6 on this machine, or "" where there is none."""
    with suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return f"[::1]:{port}"
    return ""


def is_open(port: int, host: str = HOST) -> bool:
    """Tell whether something takes connections at the port."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def start(name: str, command: list[str], folder: Path, env: Mapping[str, str], **options: Any) -> Process:
    """Start a command as the leader of its own process group; what it prints goes to `folder`/`name`.log."""
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        return Process(_start(command, env, stdout=output.fileno(), stderr=output.fileno(), **options), log)


def run(command: list[str], env: Mapping[str, str], patience: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command of the application in the project's folder, to its end."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        process = Process(_start(command, env, cwd=ROOT, stdout=out.fileno(), stderr=err.fileno()), ROOT)
        try:
            code = process.popen.wait(patience)
        finally:
            process.kill()
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


def migrate(env: Mapping[str, str]) -> None:
    """Run the migrations as an operator does."""
    run(["flask", "db", "upgrade"], env).check_returncode()


def _start(command: list[str], env: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes] | Forked:
    environ = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "LANG": "C.UTF-8", **env}
    if FORKS and command[0] in PROGRAMS and "LD_PRELOAD" not in env:  # which takes effect at the start of a program
        return fork_server().fork(command, environ, **options)
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environ, start_new_session=True, **options)


@functools.cache
def fork_server() -> ForkServer:
    """Return the process that forks those of the application."""
    return ForkServer()
