"""Starts processes of the application without the second that its imports take: a process that has them forks the rest.

The forked ones are as real as others. They run what the programs of these names run, with an environment, a session
and files of their own, and end by themselves or by a signal.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import importlib.util
import json
import os
import pkgutil
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = {"celery": "celery.__main__:main", "flask": "flask.cli:main", "uwsgi": "pyuwsgi:run"}
IMPORTED = [
    "celery.bin.celery",
    "celery.apps.worker",
    "celery.concurrency.prefork",
    "celery.worker.consumer",
    "celery.worker.components",
    "flaskcelery.app",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
]


class Forked:
    """A process that the server has forked, to be used like a `subprocess.Popen`."""

    returncode: int | None = None

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid, self._server, self._pidfd = pid, server, os.pidfd_open(pid)
        self._reaping = threading.Lock()

    def __del__(self) -> None:
        os.close(self._pidfd)

    def poll(self) -> int | None:
        """Return the exit code if the process has ended."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended; return its exit code, or minus the signal that ended it."""
        if self.returncode is None:
            end = select.poll()
            end.register(self._pidfd, select.POLLIN)
            if not end.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            with self._reaping:  # once, however many threads wait
                if self.returncode is None:
                    self.returncode = self._server.ask({"reap": self.pid})
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send the process a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(15)


class ForkServer:
    """The process that forks the others. It ends with the one that has started it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        self._templates = tempfile.TemporaryDirectory(prefix="templates-")
        command = [sys.executable, "-m", "tests.forks", self._templates.name]
        with other:
            self._popen = subprocess.Popen(command, stdin=other.fileno(), env=environ, cwd=ROOT, start_new_session=True)
        atexit.register(self.close)

    def close(self) -> None:
        self._socket.close()
        self._popen.wait()
        self._templates.cleanup()

    def fork(self, command: list[str], environ: dict[str, str], cwd: Path, stdout: int, stderr: int) -> Forked:
        """Run a program of `PROGRAMS`; what it prints goes to these files."""
        return Forked(self, self.ask({"command": command, "environ": environ, "cwd": str(cwd)}, stdout, stderr))

    def ask(self, request: dict[str, Any], *files: int) -> int:
        """Return the server's answer."""
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(request).encode()], files)
            return int(self._socket.recv(100))


def serve(requests: socket.socket) -> None:
    """Fork and reap, as asked, until nobody can ask any more. A forked process returns from here, too, at its end."""
    while True:
        request, files, _, _ = socket.recv_fds(requests, 1 << 20, 2)
        if not request:
            break
        asked = json.loads(request)
        if "reap" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["reap"], 0)[1])
        elif not (answer := fork()):
            requests.close()
            run(files, **asked)
        else:
            for file in files:
                os.close(file)
        requests.send(str(answer).encode())


def fork() -> int:
    """Fork; return when the new process leads a session: what ends it kills its group, maybe at once."""
    waiting, done = os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
    os.close(done)
    os.read(waiting, 1)  # ends when both have closed their copy
    os.close(waiting)
    return pid


def run(files: list[int], command: list[str], environ: dict[str, str], cwd: str) -> None:
    """Become the program."""
    for number, file in enumerate([os.open(os.devnull, os.O_RDONLY), *files]):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(cwd)
    sys.argv = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    sys.path[0] = str(Path(sys.executable).parent)
    sys.path[1:1] = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if importlib.util.find_spec("sitecustomize"):
        importlib.import_module("sitecustomize")
    sys.exit(pkgutil.resolve_name(PROGRAMS[command[0]])())


def prepare(templates: str) -> None:
    """Do what each process would do again: import, map the models, read the tables of names, and compile templates."""
    for module in (*IMPORTED, *(name.partition(":")[0] for name in PROGRAMS.values())):
        importlib.import_module(module)
    from flask import Flask
    from jinja2 import FileSystemBytecodeCache
    from sqlalchemy.orm import configure_mappers

    from flaskcelery.users.lookalikes import skeleton_digest
    from flaskcelery.web.urls import public_suffixes

    configure_mappers()
    skeleton_digest("")
    public_suffixes()
    Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(templates)}
    gc.freeze()


if __name__ == "__main__":
    prepare(sys.argv[1])
    serve(socket.socket(fileno=os.dup(0)))
