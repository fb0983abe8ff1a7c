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
    before = [TRACEBACK[0], '  File "celery.py", line 9, in start', *TRACEBACK[1:], "NameError: a"]
    assert show(*TRACEBACK, "NameError: a", screen=screen, name="web") == [*TRACEBACK, "NameError: a"]
    assert show(*before, screen=screen) == ["NameError: a"]
    assert show(*TRACEBACK, "NameError: b", screen=screen) == [*TRACEBACK, "NameError: b"]
    assert show(*TRACEBACK, "NameError: a", screen=screen, name="web") == [*TRACEBACK, "NameError: a"]


def test_of_a_typing_error_only_its_place_is_shown_by_one_process() -> None:
    screen = Screen(8000, has_preview=True)
    before = [TRACEBACK[0], '  File "celery.py", line 9, in start', *TRACEBACK[1:], "SyntaxError: ("]
    assert show(*before, screen=screen) == [*TRACEBACK[1:], "SyntaxError: ("]
    assert show(*TRACEBACK, "SyntaxError: (", screen=screen, name="web") == []
    assert show(*before, screen=screen) == [*TRACEBACK[1:], "SyntaxError: ("]
    assert show(*TRACEBACK, "TabError: )", screen=screen, name="web") == [*TRACEBACK[1:], "TabError: )"]


def test_celery_says_only_what_is_wrong_with_the_file() -> None:
    before = [
        "Usage: celery [OPTIONS] [COMMAND] [ARGS]...",
        "Try 'celery --help' for help.",
        "",
        "Error: ",
        "Unable to load celery application.",
        "While trying to load the module celery_worker the following error occurred:",
    ]
    assert show(*before, *TRACEBACK, "NameError: a") == [*TRACEBACK, "NameError: a"]


def test_flask_says_only_what_is_wrong_with_the_file() -> None:
    usage = ["Usage: flask [OPTIONS] COMMAND [ARGS]...", "Try 'flask --help' for help.", ""]
    wrong = [*TRACEBACK, "ImportError: a"]
    assert show("Error: While importing 'wsgi', an ImportError was raised:", *wrong, name="relay") == wrong
    assert show(*usage, "Error: No such command 'outbox'.", name="relay") == []


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


def test_it_says_once_that_a_change_restarts_all_processes_and_then_waits_for_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = Screen(8000, has_preview=True)
    show("one ready.", screen=screen)
    show("two ready.", screen=screen, name="jobs")  # the web process could not start
    for name in ("worker", "web", "jobs", "relay"):
        assert show("[10:00:00] 2 changes detected", screen=screen, name=name) == []
    show(" * Running on http://127.0.0.1:8000", screen=screen, name="web")
    assert capsys.readouterr().out == "  A file has changed. Restarting ...\n"
