"""`make run`: migrate, then run the Procfile's processes under honcho."""

import os
import select
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import click
from flask import current_app
from flask_migrate import upgrade
from honcho.environ import parse_procfile
from honcho.manager import Manager

from flaskcelery.config.settings import ROOT

HOST = "127.0.0.1"
STOPPED_BY_USER = (130, 143)  # honcho's codes for Ctrl-C and SIGTERM


@click.command("dev")
def run_dev() -> None:
    """Prepare the database, then run web, worker and relay together until Ctrl-C."""
    port = current_app.config["PORT"]
    _check_port(port)
    os.umask(0o077)  # only this user can read the database under instance/
    upgrade()
    manager = Manager()
    environment = {**os.environ, "PORT": str(port), "PYTHONUNBUFFERED": "1", "FLASK_APP": "wsgi"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    for name, command in parse_procfile((ROOT / "Procfile").read_text()).processes.items():
        manager.add_process(name, f"exec {command}", env=environment, cwd=str(ROOT))
    _stop_when_terminal_closes()
    has_preview = "dev" in current_app.blueprints
    threading.Thread(target=_announce, args=(port, has_preview), daemon=True).start()
    try:
        manager.loop()
    except OSError:  # honcho printed before _silence() took effect
        _silence()
        manager.kill()
    if manager.returncode not in STOPPED_BY_USER:
        sys.exit("A process ended unexpectedly; its last lines above say why.")


def _check_port(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
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


def _announce(port: int, has_preview: bool) -> None:
    """Print the URLs as soon as the server accepts connections."""
    for _ in range(300):
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            url = f"http://{HOST}:{port}/"
            click.echo(f"\n  Open {url} in your browser. The worker prints emails here. Ctrl-C stops.")
            click.echo(f"  See every email of the application at {url}dev/emails/.\n" if has_preview else "")
            return
        time.sleep(0.1)
