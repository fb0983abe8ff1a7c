"""`make run`: one preparing step, then the Procfile's processes under honcho."""

import os
import select
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from flask_migrate import upgrade
from honcho import manager
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from flaskcelery.config.settings import ROOT

HOST = "127.0.0.1"
STOPPED_BY_USER = (130, 143)  # honcho's codes for Ctrl-C and SIGTERM
manager.KILL_WAIT = 8  # seconds: an idle worker needs five to stop


class Children:
    """How honcho stops a process: only itself at first, so that a worker can finish the mail in its hands."""

    def terminate(self, pid: int) -> None:
        """Ask the process to stop."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def kill(self, pid: int) -> None:
        """End the process and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


class Screen(Printer):  # type: ignore[misc]  # honcho ships no types
    """Honcho's output, which may vanish: a closed terminal must not keep the processes from being stopped."""

    def write(self, message: Message) -> None:
        """Show a line if there is still somebody to see it."""
        with suppress(OSError):
            super().write(message)


class Runner(manager.Manager):  # type: ignore[misc]  # honcho ships no types
    """Honcho's manager that also ends everything when its terminal is closed."""

    def __init__(self) -> None:
        super().__init__(Screen(sys.stdout))
        self._procmgr = Children()

    def _start(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what honcho starts here only passes on output
        super()._start()
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
        if os.isatty(0):
            threading.Thread(target=_watch_terminal, daemon=True).start()


def _watch_terminal() -> None:
    """Wait for the terminal to close: make gets that signal, but does not pass it on."""
    terminal = select.poll()
    terminal.register(0, 0)
    terminal.poll()
    os.kill(os.getpid(), signal.SIGHUP)


def run(port: int) -> int:
    """Check the machine, migrate, and run the Procfile until it ends; return the exit code."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            sys.exit(f"Port {port} cannot be had: {error.strerror}. Choose another one: make run PORT={port + 1}")
    os.umask(0o077)  # the database under instance/ is nobody else's
    upgrade()
    runner = Runner()
    environment = {**os.environ, "PORT": str(port), "PYTHONUNBUFFERED": "1", "FLASK_APP": "wsgi"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    for name, command in parse_procfile((ROOT / "Procfile").read_text()).processes.items():
        runner.add_process(name, f"exec {command}", env=environment, cwd=str(ROOT))
    threading.Thread(target=_announce, args=(port,), daemon=True).start()
    try:
        runner.loop()
    finally:
        runner.kill()
    if runner.returncode in STOPPED_BY_USER:
        return 0
    sys.stderr.write("A process ended by itself; its last lines above say why.\n")
    return 1


def _announce(port: int) -> None:
    """Say where to click as soon as the page can be had."""
    for _ in range(300):
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            text = f"\n  Open http://{HOST}:{port}/ in your browser. The worker prints mails here. Ctrl-C stops.\n\n"
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        time.sleep(0.1)
