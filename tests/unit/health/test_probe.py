"""A container's health check: what it takes for well, and what it does at the third failure."""

import os
import runpy
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flaskcelery.config.checks import load_config
from flaskcelery.health import probe


@pytest.fixture(autouse=True, params=["/.dockerenv", "/run/.containerenv"])  # Docker and Podman
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[tuple[int, int]]:
    """Return what was killed; nothing really is. Files are the test's own."""
    kills: list[tuple[int, int]] = []
    monkeypatch.setattr(probe.os, "kill", lambda pid, number: kills.append((pid, number)))
    monkeypatch.setattr(probe, "FAILURES", tmp_path / "failed")
    real = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == request.param or real(path))
    monkeypatch.setenv("INSTANCE_PATH", str(tmp_path))
    monkeypatch.setenv("PUBLIC_URL", "https://www.example.com")
    return kills


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Return the requests that two stand-ins for uWSGI's sockets got; they know /healthz only."""
    asked: list[bytes] = []
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                asked.append(connection.recv(4096))
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\n\r\nok\n" if b"/healthz" in asked[-1] else b"HTTP/1.1 404 ?\r\n\r\n"
                )
                connection.close()

    threads = [threading.Thread(target=serve, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    monkeypatch.setattr(probe, "PORTS", [server.getsockname()[1] for server in servers])
    yield asked
    for server in servers:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
    for thread in threads:
        thread.join()


def touch(path: Path, age: float) -> None:
    """Make a file that is so many seconds old."""
    path.touch()
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))


def test_web_is_well_when_both_pools_answer(ports: list[bytes]) -> None:
    assert probe.main("web") == 0
    assert len(ports) == 2
    assert b"www.example.com" in ports[0]


def test_web_is_not_well_when_one_pool_is_gone(ports: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PORTS", [probe.PORTS[0], 1])
    assert probe.main("web") == 1


def test_web_is_not_well_when_it_answers_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(probe, "ask", lambda _port: b"HTTP/1.1 500 Oh\r\n\r\n")
    assert probe.main("web") == 1
    assert "500" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "file", "limit"), [("worker", "celery@x.alive", 35), ("relay", "relay.alive", 75)])
def test_a_file_tells_how_a_worker_or_relay_is(tmp_path: Path, name: str, file: str, limit: int) -> None:
    assert probe.main(name) == 1, "it has not begun"
    touch(tmp_path / file, limit - 5)
    assert probe.main(name) == 0
    touch(tmp_path / file, limit + 5)
    assert probe.main(name) == 1


def test_the_longest_task_is_the_one_that_the_settings_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in ({}, {"MAIL_TIMEOUT": "3.5", "SIMULATED_WORK_SECONDS": "7"}):
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        config, _ = load_config({"INSTANCE_PATH": str(tmp_path), **settings})
        loaded = runpy.run_path(probe.__file__)
        assert loaded["TASK_TIME_LIMIT"] == config["TASK_TIME_LIMIT"]
        assert loaded["MAX_AGE"]["relay"] > config["TASK_TIME_LIMIT"]


def test_the_third_failure_in_a_row_ends_the_container(tmp_path: Path, killed: list[tuple[int, int]]) -> None:
    alive = tmp_path / "relay.alive"
    assert probe.main("relay") == 1
    touch(alive, 1)
    assert probe.main("relay") == 0
    touch(alive, 1000)
    for _ in range(2):
        assert probe.main("relay") == 1
        assert killed == []
    assert probe.main("relay") == 1
    assert killed == [(-1, signal.SIGKILL)]


def test_a_slow_start_is_given_time(killed: list[tuple[int, int]]) -> None:
    for _ in range(probe.STARTS_IN + probe.ENDS_AT - 1):
        assert probe.main("worker") == 1
    assert killed == []
    probe.main("worker")
    assert killed == [(-1, signal.SIGKILL)]
