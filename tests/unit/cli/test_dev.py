"""What `make run` prints of its processes."""

from __future__ import annotations

from datetime import datetime
from io import StringIO

from honcho.printer import Message

from flaskcelery.cli.dev import Screen

TRACEBACK = ["Traceback (most recent call last):", '  File "app.py", line 1, in <module>', "    ^^^"]


def show(*lines: str) -> list[str]:
    """Return what a developer sees of these lines of the worker."""
    screen = Screen(8000, has_preview=True)
    screen.output = StringIO()
    for line in lines:
        screen.write(Message("line", f"{line}\n".encode(), datetime(2026, 1, 1), "worker", None))  # noqa: DTZ001
    return [line.partition(" | ")[2] for line in screen.output.getvalue().splitlines()]


def test_a_process_that_is_stopped_while_it_starts_shows_no_traceback() -> None:
    assert show("before", *TRACEBACK, "KeyboardInterrupt", "after") == ["before", "after"]


def test_the_traceback_of_an_error_is_shown_as_a_whole() -> None:
    assert show(*TRACEBACK, "ValueError: 3", "after") == [*TRACEBACK, "ValueError: 3", "after"]
