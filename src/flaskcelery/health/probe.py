"""A container's health check: `python -m flaskcelery.health.probe web|worker|relay`.

Compose restarts what has ended, never what is unhealthy. So the third failure in a row ends all other processes of
the container, frozen ones too, and the restart policy does the rest. It imports next to nothing: it runs often.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

PORTS = (3031, 3032)  # uWSGI's sockets: pages and forms
TIMEOUT = 15  # seconds: in a busy pool, a visitor waits until others have waited for a hash
# The same as in config/derived.py, which takes too long to import here; a test compares the two.
TASK_TIME_LIMIT = 6 * float(os.environ.get("MAIL_TIMEOUT") or 10) + float(os.environ.get("SIMULATED_WORK_SECONDS") or 0)
# Seconds: a worker touches its file every ten, a relay before each email, which can take as long as the longest task.
MAX_AGE = {"worker": 35, "relay": 15 + TASK_TIME_LIMIT}
ENDS_AT = 3  # failures in a row
STARTS_IN = 8  # failures that do not count, as a slow machine takes time to start
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")  # Docker's and Podman's
FAILURES = Path("/tmp/failed_probes")  # noqa: S108  the container's own


def main(name: str) -> int:
    """Return 0 if the part is healthy, else 1; end its container at the third failure in a row."""
    problem = check_web() if name == "web" else check_file(name)
    if not problem:
        FAILURES.write_text("0")
        return 0
    sys.stderr.write(f"{problem}\n")
    failures = (int(FAILURES.read_text()) if FAILURES.exists() else -STARTS_IN) + 1
    FAILURES.write_text(str(failures))
    if failures >= ENDS_AT:
        FAILURES.unlink()
        end_all_others()
    return 1


def check_web() -> str:
    """Return what is wrong with uWSGI: each of its pools has to answer."""
    for port in PORTS:
        try:
            answer = ask(port)
        except OSError as error:
            return f"port {port}: {error}"
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            return f"port {port} answers {answer[:40]!r}"
    return ""


def ask(port: int) -> bytes:
    """Return the answer to GET /healthz."""
    host = urlsplit(os.environ.get("PUBLIC_URL") or "http://localhost").netloc
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.sendall(f"GET /healthz HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        return connection.recv(4096)


def check_file(name: str) -> str:
    """Return what is wrong with a worker or relay: it has to touch its file in time."""
    pattern = "relay.alive" if name == "relay" else "*@*.alive"  # a worker's file has its Celery name
    files = Path(os.environ.get("INSTANCE_PATH") or "instance").glob(pattern)
    age = min((time.time() - file.stat().st_mtime for file in files), default=None)
    if age is None:
        return f"no {name} has started"
    return f"the {name} was last alive {age:.0f} s ago" if age > MAX_AGE[name] else ""


def end_all_others() -> None:
    """Kill whatever else runs in this container; outside of one, do nothing."""
    if any(Path(mark).exists() for mark in CONTAINER_MARKS) and os.getpid() != 1:
        os.kill(-1, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
