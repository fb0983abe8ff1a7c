"""A test marked `alone` measures time: no other test runs meanwhile, on whichever worker of xdist."""

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

QUEUE, RUNNING = Path(__file__), Path(__file__).parent / "conftest.py"  # two files that all workers can lock


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outside the test's time limit, which waiting must not use up
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """Run a test that is marked `alone` when no other test runs; others start when it has ended."""
    kind = fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH
    with RUNNING.open() as running:  # its end releases the lock, as does the end of the process
        with QUEUE.open() as queue:  # first come, first served: others do not pass a test that waits to be alone
            fcntl.flock(queue, fcntl.LOCK_EX)
            fcntl.flock(running, kind)
        return (yield)
