"""A real Postgres on a free port; as nobody where we are root, because it refuses root."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.processes import HOST, find_program, free_port, start, wait_until


def as_nobody() -> list[str]:
    """Return the words to put before a command, so that it runs as nobody where we are root."""
    nobody = pwd.getpwnam("nobody")
    switch = [find_program("setpriv"), f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    return switch if os.getuid() == 0 else []


def create_cluster(data: str) -> None:
    """Create the files of a Postgres in an empty folder."""
    if os.getuid() == 0:
        shutil.chown(data, "nobody", pwd.getpwnam("nobody").pw_gid)
    options = ["--username", "tester", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
    subprocess.run(
        [*as_nobody(), find_program("initdb"), "--pgdata", data, *options], check=True, capture_output=True, cwd=data
    )


@contextmanager
def run_postgres(folder: Path) -> Iterator[str]:
    """Run Postgres; yield a URL without a database's name."""
    port, server = free_port(), find_program("postgres")
    with tempfile.TemporaryDirectory(prefix="postgres-") as data:
        create_cluster(data)
        command = [server, "-D", data, "-p", str(port), "-h", HOST, "-c", "unix_socket_directories=", "-c", "fsync=off"]
        process = start("postgres", [*as_nobody(), *command], folder, {}, cwd=data)
        url = f"postgresql://tester@{HOST}:{port}"
        try:
            wait_until(lambda: _takes_queries(url) or process.fail_if_ended(), 30, "Postgres takes queries")
            yield url
        finally:
            process.popen.send_signal(signal.SIGINT)  # its fast shutdown
            process.stop()


def _takes_queries(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(f"{url}/postgres"):
        return True
    return False
