"""What `make run` prints of its processes."""

from __future__ import annotations

from datetime import datetime
from io import StringIO

import pytest
from honcho.printer import Message

from flaskcelery.cli.dev import PortTakenError, Screen

TRACEBACK = ["Traceback (most recent call last):", '  File "app.py", line 1, in <module>', "    ^^^"]


def show(*lines: str, screen: Screen | None = None, name: str = "worker") -> list[str]:
    """Return what a developer sees of these lines of a process."""
    screen = screen or Screen(8000, has_preview=True)
    screen.output = StringIO()
    for line in lines:
        screen.write(Message("line", f"{line}\n".encode(), datetime(2026, 1, 1), name, None))  # noqa: DTZ001
    return [line.partition(" | ")[2] for line in screen.output.getvalue().splitlines()]


def test_a_process_that_is_stopped_while_it_starts_shows_no_traceback() -> None:
    assert show("before", *TRACEBACK, "KeyboardInterrupt", "after") == ["before", "after"]


def test_the_traceback_of_an_error_is_shown_as_a_whole() -> None:
    assert show(*TRACEBACK, "ValueError: 3", "after") == [*TRACEBACK, "ValueError: 3", "after"]


def test_an_error_of_all_processes_is_shown_once_as_a_whole() -> None:
    screen = Screen(8000, has_preview=True)
    before = [TRACEBACK[0], '  File "celery.py", line 9, in start', *TRACEBACK[1:], "SyntaxError: ("]
    assert show(*TRACEBACK, "SyntaxError: (", screen=screen, name="web") == [*TRACEBACK, "SyntaxError: ("]
    assert show(*before, screen=screen) == ["SyntaxError: ("]
    assert show(*TRACEBACK, "SyntaxError: )", screen=screen) == [*TRACEBACK, "SyntaxError: )"]
    assert show(*TRACEBACK, "SyntaxError: (", screen=screen, name="web") == [*TRACEBACK, "SyntaxError: ("]


def test_a_port_that_is_taken_in_the_meantime_stops_everything() -> None:
    with pytest.raises(PortTakenError):
        show("Address already in use", name="web")


def test_it_says_when_all_processes_are_ready_first_and_after_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(8000, has_preview=True)
    for announced in ("Open http://127.0.0.1:8000/", "restarted", "restarted"):
        for name, line in (
            ("web", " * Running on http://127.0.0.1:8000"),
            ("worker", "one ready."),
            ("jobs", "two ready."),
        ):
            assert capsys.readouterr().out == ""
            show(line, screen=screen, name=name)
        assert announced in capsys.readouterr().out
