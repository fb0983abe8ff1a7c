"""The application under test: its processes by name, restarted when they end, as a service manager would."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.faults.environment import HOSTS, PORTS
from tests.integration.stack import PROCFILE, Stack
from tests.processes import ROOT, Process, wait_until

HOOKS = Path(__file__).parent / "hooks"
PERIOD = 1  # seconds between two passes of the relay
MAIL_TIMEOUT = 0.5


class FaultStack(Stack):
    """Web, workers and relays with kill points inside."""

    def __init__(self, folder: Path, exits: ExitStack, settings: dict[str, str], unprotected: str) -> None:
        self.points, self.instance, logs = (folder / name for name in ("points", "instance", "logs"))
        self.points.mkdir()
        common = {
            "INSTANCE_PATH": str(self.instance),
            "CELERY_BROKER_URL": f"redis://{HOSTS['redis']}:{PORTS['redis']}/0",
            "MAIL_BACKEND": "smtp",
            "MAIL_SERVER": HOSTS["smtp"],
            "MAIL_PORT": str(PORTS["smtp"]),
            "MAIL_TIMEOUT": str(MAIL_TIMEOUT),
            "OUTBOX_RETRY_AFTER": "1",
            "ARGON2_PARAMETERS": "m=8,t=1,p=1",
            "PYTHONPATH": f"{HOOKS}{os.pathsep}{ROOT / 'src'}",
            "FAULTS_FOLDER": str(self.points),
            "UNPROTECTED": unprotected,
        }
        super().__init__(logs, exits, {**common, **settings})
        self.lease = 2 * (6 * float(self.settings["MAIL_TIMEOUT"]) + float(settings.get("SIMULATED_WORK_SECONDS", 0)))
        self.unprotected = unprotected
        self.kept: dict[str, tuple[Process, Callable[[], Process]]] = {}
        self.restarts = 0
        self._lock, self._over = threading.RLock(), threading.Event()
        threading.Thread(target=self._keep, daemon=True).start()

    def keep(self, name: str, begin: Callable[[], Process]) -> Process:
        """Start a process and start it again whenever it ends by itself."""
        with self._lock:
            process = begin()
            self.kept[name] = process, begin
        return process

    def _keep(self) -> None:
        while not self._over.wait(0.2):
            with self._lock:
                for name, (process, begin) in list(self.kept.items()):
                    if process.popen.poll() is not None and not self._over.is_set():
                        process.kill()  # what it may have left behind
                        self.kept[name] = begin(), begin
                        self.restarts += 1

    def end(self, *names: str) -> Callable[[], None]:
        """Kill processes with all their children, for good; return what starts them again."""
        with self._lock:
            gone = {name: self.kept.pop(name) for name in names}
            for process, _ in gone.values():
                process.kill()

        def begin_again() -> None:
            for name, (_, begin) in gone.items():
                self.keep(name, begin)

        return begin_again

    def named(self, kind: str) -> list[str]:
        """Return the names of the processes of a kind: `worker`, `relay` or `web`."""
        return [name for name in self.kept if name.startswith(kind)]

    def process(self, name: str) -> Process:
        """Return the process that has this name now."""
        return self.kept[name][0]

    def find(self, pid: int) -> Process:
        """Return the process that this id belongs to, as its own or as a child's."""
        processes = [process for process, _ in self.kept.values()]
        return next(one for one in processes if pid in {one.popen.pid, *one.children()})

    def add_worker(self, name: str, prefix: str = "") -> Process:
        """Start one more worker under a name of its own; `prefix` is a command to run it with."""
        return self.keep(name, lambda: self.run_worker(name, prefix))

    def run_worker(self, name: str, prefix: str = "") -> Process:
        """Start a worker."""
        return self.run(name, f"{prefix} {PROCFILE['worker']} -n {name}@%h")

    def add_relay(self, name: str) -> None:
        """Start one more relay, unless this run does without."""
        if self.unprotected != "relay":
            self.keep(name, lambda: self.run_relay(name))

    def run_relay(self, name: str) -> Process:
        """Start a relay."""
        return self.run(name, PROCFILE["relay"].replace("--every 5", f"--every {PERIOD}"))

    def begin(self, workers: int, relays: int) -> None:
        """Start everything; return when it works. What is kept ends first: it would come back otherwise."""
        for number in range(workers):
            self.add_worker(f"worker{number}")
        for number in range(relays):
            self.add_relay(f"relay{number}")
        self.run_web()
        self.exits.callback(self.close)
        for name in self.named("worker"):
            self.process(name).wait_for_text("ready.")

    def close(self) -> None:
        """Start nothing again from now on."""
        self._over.set()
        with self._lock:
            self.kept.clear()

    def run_web(self) -> None:
        """Start uWSGI, kept, and nginx in front of it."""
        web = self.start_web()
        with self._lock:
            self.kept["web"] = web, self.start_uwsgi

    def replace_web(self, **settings: str) -> None:
        """Stop uWSGI and start it with other settings."""
        with self._lock:
            self.process("web").stop()
            self.keep("web", lambda: self.start_uwsgi(**settings))

    def succeed(self, name: str, begin: Callable[[], Process]) -> Process:
        """Start what takes over a process's name; return the old process, which runs on and is not kept any more."""
        with self._lock:
            old = self.process(name)
            self.keep(name, begin)
        return old

    def arm(self, point: str, action: str = "kill", times: int = 1) -> None:
        """Make the next processes that reach a point act there, so many in all."""
        for number in range(times):
            (self.points / f"{point}.{action}.{number}").touch()

    def disarm(self) -> None:
        """Take back what nobody has reached."""
        for token in self.points.glob("[!t]*"):
            token.unlink(missing_ok=True)

    def taken(self) -> list[Path]:
        """Return the marks of those who acted at a point."""
        return sorted(self.points.glob("taken.*"))

    def wait_taken(self, times: int, seconds: float = 20) -> str:
        """Wait until so many acted; return the proof."""
        wait_until(lambda: len(self.taken()) >= times, seconds, f"{times} reached the point")
        return f"{len(self.taken())} x {self.taken()[0].name.split('.')[1]}"

    def count_open_files(self, names: list[str]) -> int:
        """Return how many files and sockets these processes and their children have open."""
        total = 0
        for process in map(self.process, names):
            for pid in (process.popen.pid, *process.children()):
                with suppress(OSError):
                    total += len(os.listdir(f"/proc/{pid}/fd"))
        return total

    def wait_until_nothing_is_pending(self, seconds: float) -> float:
        """Wait until every row is finished; return after how many seconds that was."""
        started = time.monotonic()
        deadline = started + seconds
        while self.count("outbox WHERE done_at IS NULL AND failed_at IS NULL") and time.monotonic() < deadline:
            time.sleep(0.1)
        return time.monotonic() - started
