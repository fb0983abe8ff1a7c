"""`make run`: migrate, then run the Procfile's processes under honcho; a changed source file restarts them."""

import logging
import os
import re
import select
import shlex
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import NoReturn

import click
from alembic.migration import MigrationContext
from flask import current_app
from flask_migrate import upgrade
from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Message, Printer

from flaskcelery.config.derived import JOBS_QUEUE
from flaskcelery.config.settings import ROOT
from flaskcelery.database import db

HOST = "127.0.0.1"
STOPPED_BY_USER = (130, 143)  # honcho's codes for Ctrl-C and SIGTERM
WATCHED = "exec watchfiles --verbosity info --filter python --sigint-timeout 1"
IS_READY = {"web": b"Running on", "worker": b" ready.", JOBS_QUEUE: b" ready."}  # what each prints when it is
CHANGE = re.compile(rb"^\[..:..:..\] \d+ changes? detected")  # what watchfiles prints before a restart
NOISE = re.compile(
    rb"^ \* |This is a development server|Press CTRL\+C|Connected to|^worker: |Aborted!|failed; traceback:$|"
    rb"^\[..:..:..\] |^\s*$|"
    rb"^Usage: (celery|flask)|^Try '(celery|flask)|^Error: $|^Unable to load celery|^While trying to load the module|"
    rb"^Error: While importing 'wsgi'|^Error: No such command 'outbox'"
)
TYPO = re.compile(rb"(Syntax|Indentation|Tab)Error: ")
TIME = re.compile(rb" - - \[[^]]+\]")  # of a request; each line begins with honcho's own


@click.command("dev")
def run_dev() -> None:
    """Prepare the database, then run web, workers and relay together until Ctrl-C."""
    port = current_app.config["PORT"]
    _check_port(port)
    os.umask(0o077)  # only this user can read the database under instance/
    _migrate()
    is_development = current_app.config["APP_ENV"] == "development"
    manager = Manager(Screen(port, is_development))
    environment = _make_environment(port, is_development)
    for name, command in parse_procfile((ROOT / "Procfile").read_text()).processes.items():
        # A restart kills the running jobs, which would wait until their lease ends.
        first = "flask outbox release; " if name == JOBS_QUEUE and is_development else ""
        in_shell = shlex.join(["sh", "-c", f"{first}exec {command}"])
        # The folder above is watched, too: one that is deleted and made again would no longer be.
        watched = f"{WATCHED} {shlex.join([in_shell, str(Path(current_app.root_path).parent)])}"
        manager.add_process(name, watched, env=environment, cwd=str(ROOT))
    _stop_when_terminal_closes()
    try:
        manager.loop()
    except PortTakenError:
        manager.kill()
        _refuse_port(port, "Address already in use")
    except OSError:  # honcho printed before _silence() took effect
        _silence()
        manager.kill()
    if manager.returncode not in STOPPED_BY_USER:
        sys.exit("A process ended unexpectedly; its last lines above say why.")


class PortTakenError(Exception):
    """Another program took the port between the check and the start of the server."""


class Screen(Printer):  # type: ignore[misc]  # the library ships no types
    """Prints what a developer wants to see, and the URLs once all is ready."""

    def __init__(self, port: int, has_preview: bool) -> None:
        super().__init__()
        self._url, self._has_preview, self._awaited = f"http://{HOST}:{port}/", has_preview, set(IS_READY)
        self._is_stopping = self._is_announced = False
        self._tracebacks: dict[str, list[Message]] = {}  # of each process, until their last lines come
        self._origins: dict[bytes, str] = {}  # of each error, the process that printed its traceback

    def write(self, message: Message) -> None:
        line = _read(message)
        if message.name == "web" and line.startswith(b"Address already in use"):
            raise PortTakenError
        self._is_stopping |= line.startswith(b"sending SIG")
        if message.name == "web" and CHANGE.match(line):  # the other processes print it, too
            click.echo("  A file has changed. Restarting ...")
            self._awaited = set(IS_READY)
        traceback = self._tracebacks.setdefault(message.name, [])
        if line.startswith(b"Traceback ") or (traceback and line.startswith(b" ")):
            traceback.append(message)
            return
        self._tracebacks[message.name] = []
        # A process that a change stops while it still starts prints the traceback of a KeyboardInterrupt.
        for each in [] if line.startswith(b"KeyboardInterrupt") else self._shorten(traceback, message):
            self._show(each)
        if IS_READY.get(message.name, b"-") in line:
            self._awaited.discard(message.name)
            if not self._awaited:
                self._announce()

    def _shorten(self, traceback: list[Message], message: Message) -> list[Message]:
        """Return what to show of an error: no traceback if another process has printed that of the same error.

        Each process has come to the same line of code on a way of its own. Of a typing error, only its place is shown.
        """
        lines = [_read(each) for each in [*traceback, message]]
        start = max((number for number, line in enumerate(lines) if line.startswith(b"  File ")), default=0)
        is_new = not traceback or self._origins.setdefault(b"".join(lines[start:]), message.name) == message.name
        if TYPO.match(lines[-1]):
            return [*traceback[start:], message] if is_new else []
        return [*(traceback if is_new else []), message]

    def _show(self, message: Message) -> None:
        line = _read(message)
        if message.name == "system" or not (self._is_stopping or NOISE.search(line)):
            super().write(message._replace(data=TIME.sub(b"", line)))

    def _announce(self) -> None:
        if self._is_announced:
            click.echo("  All processes have restarted.")
        else:
            click.echo(f"\n  Open {self._url} in your browser. The worker prints emails here. Ctrl-C stops.")
            click.echo(
                f"  See every email of the application at {self._url}dev/emails/.\n" if self._has_preview else ""
            )
        self._is_announced, self._awaited = True, set(IS_READY)


def _read(message: Message) -> bytes:
    return message.data if isinstance(message.data, bytes) else message.data.encode()


def _make_environment(port: int, is_development: bool) -> dict[str, str]:
    """Return the environment of the processes; in development with Flask's debugger in the browser."""
    environ = {**os.environ, "PORT": str(port), "PYTHONUNBUFFERED": "1", "FLASK_APP": "wsgi"}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}"
    environ["PYTHONWARNINGS"] = "ignore:You're running the worker with superuser"  # nobody else can reach it
    if is_development:
        environ |= {"FLASK_DEBUG": environ.get("FLASK_DEBUG", "1"), "FLASK_RUN_RELOAD": "0"}
    return environ


def _migrate() -> None:
    """Apply the new migrations, and say so in one line."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it says the same in more words
    before = _find_migration()
    upgrade()
    if (after := _find_migration()) != before:
        click.echo(f"  The database has been migrated to {after}.")


def _find_migration() -> str | None:
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _check_port(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        _refuse_port(port, os.strerror(error.errno or 0))


def _refuse_port(port: int, reason: str) -> NoReturn:
    sys.exit(f"Port {port} is not available: {reason}. Choose another one: make run PORT={port + 1}")


def _stop_when_terminal_closes() -> None:
    """Stop on SIGHUP; make receives it but does not pass it on, so watch the terminal, too."""
    manager = os.getpid()

    def stop(*_: object) -> None:
        if os.getpid() == manager:  # honcho's helpers inherit this; each ends with the process whose output it reads
            _silence()
            os.kill(manager, signal.SIGTERM)

    def watch() -> None:
        terminal = select.poll()
        terminal.register(0, 0)  # no events: only the hang-up is reported
        terminal.poll()
        stop()

    signal.signal(signal.SIGHUP, stop)
    if os.isatty(0):
        threading.Thread(target=watch, daemon=True).start()


def _silence() -> None:
    """Print nowhere: honcho could not stop its processes if printing failed."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
