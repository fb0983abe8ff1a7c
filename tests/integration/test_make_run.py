"""`make run` on a terminal: from nothing to a printed email, and nothing left when it ends."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.visitor import Visitor
from tests.processes import HOST, ROOT, cpu_seconds, free_port, is_open, wait_until


class MakeRun:
    """`make run` on a terminal of its own."""

    def __init__(self, instance: Path, **settings: str) -> None:
        self.port, self.instance, self.screen = free_port(), instance, ""
        self.settings = {"INSTANCE_PATH": str(instance), "ARGON2_PARAMETERS": "m=8,t=1,p=1", **settings}
        self.start()

    def start(self) -> None:
        """Start it and wait for the line that says where to click."""
        self.pid, self.terminal = pty.fork()
        started = time.monotonic()
        if self.pid == 0:
            os.environ.update(self.settings)
            os.chdir(ROOT)
            os.execvp("make", ["make", "run", f"PORT={self.port}"])
        wait_until(lambda: f"Open http://127.0.0.1:{self.port}/" in self.read(), 30, "the page")
        self.seconds, self.cpu_seconds = time.monotonic() - started, sum(map(cpu_seconds, self.processes()))

    def read(self) -> str:
        """Return all that was printed so far."""
        with suppress(OSError):
            while select.select([self.terminal], [], [], 0)[0] and (data := os.read(self.terminal, 65536)):
                self.screen += data.decode(errors="replace")
        return self.screen

    def processes(self) -> list[int]:
        """Return every process that runs for this instance, by its environment."""
        marker = f"INSTANCE_PATH={self.instance}\0".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if marker in (process / "environ").read_bytes():
                    found.append(int(process.name))
        return [pid for pid in found if pid != os.getpid()]

    def stop(self, how: str) -> None:
        """Stop it in one of four ways: within ten seconds no process is left."""
        assert len(self.processes()) > 5
        started = time.monotonic()
        if how == "Ctrl-C":
            os.write(self.terminal, b"\x03")
        elif how == "SIGTERM to make":
            os.kill(self.pid, signal.SIGTERM)
        elif how == "SIGTERM to flask":
            os.kill(min(self.processes_of("flask dev")), signal.SIGTERM)
        else:
            os.close(self.terminal)
            self.terminal = -1
        wait_until(lambda: (self.terminal < 0 or self.read()) and self.is_over(), 15, "no process left")
        assert time.monotonic() - started < 10
        assert not is_open(self.port)

    def processes_of(self, command: str) -> list[int]:
        """Return the processes whose command line holds `command`."""
        found = []
        for pid in self.processes():
            with suppress(OSError):  # it has ended meanwhile
                if command in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode():
                    found.append(pid)
        return found

    def python_process(self, command: str) -> int:
        """Return the first process that runs `command` itself, not one that watches over it; 0 if there is none."""
        watchers = self.processes_of("watchfiles")
        return min((pid for pid in self.processes_of(command) if pid not in watchers), default=0)

    def is_over(self) -> bool:
        """Tell whether everything has ended; collects make itself."""
        with suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return not self.processes()

    def clean_up(self) -> None:
        """End whatever a failed test has left, and close the terminal."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        if self.terminal >= 0:
            os.close(self.terminal)


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[MakeRun]:
    """Return a running `make run` with an empty instance folder."""
    running = MakeRun(tmp_path / "instance")
    yield running
    running.clean_up()


@pytest.mark.flaky
def test_the_page_comes_the_email_is_printed_and_the_second_start_finds_the_data(make_run: MakeRun) -> None:
    assert Visitor(make_run.port).sign_up("alice").status == 302
    wait_until(lambda: re.search("Subject: .* alice!", make_run.read()), 30, "the printed email")
    wait_until(lambda: "Thank you for signing up for our site!" in make_run.read(), 30, "its text")
    assert f"See every email of the application at http://{HOST}:{make_run.port}/dev/emails/." in make_run.read()
    assert make_run.read().count("The database has been migrated to ") == 1
    assert {path.name for path in make_run.instance.iterdir() if path.stat().st_mode & 0o077} == set()
    make_run.stop("Ctrl-C")
    make_run.screen, first, first_cpu = "", make_run.seconds, make_run.cpu_seconds
    make_run.start()
    assert "migrated" not in make_run.read()
    assert make_run.cpu_seconds < 1.5 * first_cpu
    assert make_run.seconds < 2 * first  # other tests run meanwhile
    visitor = Visitor(make_run.port)
    visitor.log_in("alice@example.com")
    assert visitor.is_logged_in()
    make_run.stop("closed terminal")


def test_it_says_little_until_the_address_warns_of_nothing_and_ends_with_make(make_run: MakeRun) -> None:
    lines = make_run.read().partition("Open http")[0].splitlines()
    assert len(lines) <= 12
    assert not [line for line in lines if "warning" in line.lower() or "alembic" in line]
    make_run.stop("SIGTERM to make")


def test_a_changed_source_file_restarts_every_process_even_one_that_has_failed(make_run: MakeRun) -> None:
    old = {name: make_run.python_process(name) for name in ("flask run", "celery_worker", "outbox relay")}
    os.kill(old["outbox relay"], signal.SIGKILL)
    assert make_run.processes_of(f" {ROOT}/src ")  # a package that is deleted and made again is still watched
    os.utime(ROOT / "src/flaskcelery/__init__.py")
    for name, pid in old.items():
        wait_until(lambda name=name, pid=pid: make_run.python_process(name) not in {pid, 0}, 15, f"another {name}")
    assert make_run.read().count("A file has changed. Restarting ...") == 1
    make_run.screen = ""
    wait_until(lambda: "ready." in make_run.read() and is_open(make_run.port), 15, "web and worker")
    assert Visitor(make_run.port).sign_up("alice").status == 302
    wait_until(lambda: "Subject: Welcome alice!" in make_run.read(), 30, "the printed email")
    make_run.stop("SIGTERM to flask")


def test_the_script_of_the_tutorial_signs_up_logs_in_and_sends_another_form(make_run: MakeRun, tmp_path: Path) -> None:
    [script] = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs/tutorial.md").read_text(), re.DOTALL | re.MULTILINE)
    home = f"http://{HOST}:{make_run.port}/"
    command = f"{script.replace('http://127.0.0.1:8000/', home)}curl -s -b cookies {home}"
    page = subprocess.run(["sh", "-ec", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "<bdi>lovelace</bdi>" in page  # in the menu of a user who is logged in
    make_run.stop("Ctrl-C")


def test_one_process_that_ends_takes_the_others_with_it(make_run: MakeRun) -> None:
    os.kill(min(make_run.processes_of("watchfiles")), signal.SIGTERM)
    wait_until(lambda: make_run.read() and make_run.is_over(), 15, "no process left")


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server((HOST, free_port())) as taken:
        port = taken.getsockname()[1]
        result = subprocess.run(
            ["make", "run", f"PORT={port}"],
            cwd=ROOT,
            env={**os.environ, "INSTANCE_PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert result.returncode != 0
    assert f"Choose another one: make run PORT={port + 1}" in result.stderr
    assert not (tmp_path / "app.db").exists()


def test_a_bad_setting_stops_it_with_the_list_of_problems(tmp_path: Path) -> None:
    result = subprocess.run(
        ["make", "run"],
        cwd=ROOT,
        env={**os.environ, "INSTANCE_PATH": str(tmp_path), "PORT": "many", "APP_ENV": "staging"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode != 0
    assert "flaskcelery cannot start:" in result.stderr
    assert "PORT must be a whole number" in result.stderr
    assert "APP_ENV must be one of" in result.stderr
    assert "Traceback" not in result.stderr
