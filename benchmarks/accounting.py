"""CPU time and memory of a process and all that it started, as the operating system counts them."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.processes import Process

TICK = 1 / os.sysconf("SC_CLK_TCK")
SESSION, TIMES = 3, slice(11, 15)  # fields of /proc/PID/stat after the name; the times include ended children


def cpu_seconds(process: Process) -> float:
    """Return the user and system time so far."""
    return sum(sum(map(int, fields[TIMES])) for _, fields in _members(process)) * TICK


def memory(process: Process) -> dict[int, float]:
    """Return the proportional memory (PSS) of each process by its id, in MB."""
    rollups = {int(path.name): (path / "smaps_rollup").read_text() for path, _ in _members(process)}
    return {pid: int(re.findall(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)[0]) / 1024 for pid, rollup in rollups.items()}


def _members(process: Process) -> Iterator[tuple[Path, list[str]]]:
    """Yield the folders and fields of the processes of its session."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            if int(fields[SESSION]) == process.popen.pid:
                yield path, fields
