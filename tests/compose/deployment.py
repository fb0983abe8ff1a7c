"""A deployment of its own: the project's compose.yaml under another name, on other ports."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tests.integration.visitor import Visitor
from tests.processes import HOST, ROOT, free_port, wait_until

APP = ("web", "worker", "jobs", "relay")
SERVICES = (*APP, "nginx", "db", "redis", "mail")


class Deployment:
    """What `docker compose` runs, and what a person at the host may do to it."""

    def __init__(self) -> None:
        self.name, self.port, self.mails_port = f"fc{uuid.uuid4().hex[:8]}", free_port(), free_port()
        self.nginx_folder = Path(tempfile.mkdtemp()) / "nginx"
        shutil.copytree(ROOT / "deploy/nginx", self.nginx_folder)
        self.nginx_folder.parent.chmod(0o755)
        self.environ = {
            **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "DOCKER_HOST"}},
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_FILE": "compose.yaml:tests/compose/override.yaml",
            "COMPOSE_DISABLE_ENV_FILE": "1",  # whatever a developer's .env may say
            "RELEASE": self.name,
            "HTTP_PORT": str(self.port),
            "MAILS_PORT": str(self.mails_port),
            "NGINX_FOLDER": str(self.nginx_folder),
            "RATELIMIT_ENABLED": "0",  # all visitors come from one address
            # A killed worker's row is taken over after 12 x MAIL_TIMEOUT, so that the tests need not wait long.
            "MAIL_TIMEOUT": "2",
            "OUTBOX_RETRY_AFTER": "2",
        }

    def run(self, *command: str, seconds: float = 240, **environ: str) -> str:
        """Run a command with the deployment's environment; return what it printed."""
        done = subprocess.run(
            command,
            check=False,
            cwd=ROOT,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            text=True,
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout[-4000:]}"
        return done.stdout

    def compose(self, *words: str, **options: Any) -> str:
        """Run `docker compose`."""
        return self.run("docker", "compose", "--progress", "quiet", *words, **options)

    def execute(self, service: str, *command: str) -> str:
        """Run a command inside a service's first container."""
        return self.run("docker", "exec", self.containers(service)[0], *command).strip()

    def up(self, *words: str) -> float:
        """Do what `make up` does; return after how many seconds all is healthy."""
        began = time.monotonic()
        self.run("deploy/up", *words)
        return time.monotonic() - began

    def end(self) -> None:
        """Remove everything that it made, images included."""
        self.compose("down", "--volumes", "--remove-orphans", "--rmi", "local")
        for image in ("flaskcelery", "flaskcelery-init"):
            subprocess.run(["docker", "rmi", "-f", f"{image}:{self.name}"], check=False, capture_output=True)
        shutil.rmtree(self.nginx_folder.parent)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers."""
        return self.compose("ps", "-q", service).split()

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what Docker knows of a service's first container."""
        found: dict[str, Any] = json.loads(self.run("docker", "inspect", self.containers(service)[0]))[0]
        return found

    def processes(self, service: str) -> list[int]:
        """Return the host's ids of the processes in a service's first container, init left out."""
        init = self.inspect(service)["State"]["Pid"]
        lines = self.run("docker", "top", self.containers(service)[0], "-o", "pid").split()[1:]
        return [int(line) for line in lines if int(line) != init]

    def main_process(self, service: str) -> int:
        """Return the host's id of the process that init started."""
        init = self.inspect(service)["State"]["Pid"]
        return int(Path(f"/proc/{init}/task/{init}/children").read_text().split()[0])

    def check_powers(self, service: str) -> None:
        """A service runs as an ordinary user, without capabilities, and cannot write to its root file system."""
        status = Path(f"/proc/{self.main_process(service)}/status").read_text()
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
        assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
        assert not re.search(r"^Uid:.*\b0\b", status, re.MULTILINE)
        assert re.search(
            "Read-only file system|ermission denied", self.execute(service, "sh", "-c", "touch /x 2>&1 || true")
        )
        assert self.inspect(service)["HostConfig"]["ReadonlyRootfs"]

    def kill_main_process(self, service: str) -> None:
        """Kill it as the kernel would; wait until a new one is well."""
        since = self.inspect(service)["State"]["StartedAt"]
        os.kill(self.main_process(service), signal.SIGKILL)
        self.wait_for_a_new_start(service, since)

    def wait_for_a_new_start(self, service: str, since: str, seconds: float = 90) -> None:
        """Wait until the container has been started later than `since`, and is healthy."""

        def is_back() -> bool:
            state = self.inspect(service)["State"]
            return bool(state["StartedAt"] != since and state["Health"]["Status"] == "healthy")

        wait_until(is_back, seconds, f"{service} is back")

    def wait_until_healthy(self) -> None:
        """Wait until no container is anything else."""

        def is_healthy() -> bool:
            found = self.compose("ps", "--format", "{{.Service}} {{.Health}}").splitlines()
            return {line for line in found if line} == {f"{service} healthy" for service in SERVICES}

        wait_until(is_healthy, 120, "everything is healthy")

    def visitor(self) -> Visitor:
        """Return somebody with a browser."""
        return Visitor(self.port)

    def status(self, path: str) -> int:
        """Return the status with which a page is answered."""
        return self.visitor().get(path).status

    def emails(self) -> list[dict[str, Any]]:
        """Return what the catcher has caught; nothing while it cannot be asked."""
        with suppress(OSError, HTTPException):
            found: list[dict[str, Any]] = json.loads(self._ask_catcher("GET", "/api/email"))
            return found
        return []

    def forget_emails(self) -> None:
        """Make the catcher forget what it has caught."""
        self._ask_catcher("DELETE", "/api/email/all")
        assert self.emails() == []

    def _ask_catcher(self, method: str, path: str) -> bytes:
        with closing(HTTPConnection(HOST, self.mails_port, timeout=10)) as connection:
            connection.request(method, path)
            return connection.getresponse().read()

    def welcomed(self) -> set[str]:
        """Return the addresses that have an email."""
        return {message["to"][0]["address"] for message in self.emails()}

    def query(self, sql: str) -> list[str]:
        """Return the lines of a query's answer."""
        return self.execute("db", "psql", "-U", "flaskcelery", "-Atc", sql).splitlines()

    def count(self, what: str) -> int:
        """Return the number of rows that `what`, the part of a query after FROM, has."""
        return int(self.query(f"SELECT count(*) FROM {what}")[0])

    def check_books(self, told: set[str], seconds: float = 60) -> None:
        """Every user has one finished row and one email, and whoever was told of success is a user."""
        wait_until(lambda: not self.count("outbox WHERE done_at IS NULL"), seconds, "every row is done")
        users = set(self.query("SELECT email FROM users"))
        assert told <= users
        assert self.count("outbox") == len(users)
        wait_until(lambda: users == self.welcomed(), 30, "every user has an email")
        assert len({message["headers"]["message-id"] for message in self.emails()}) == len(users)
