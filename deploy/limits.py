"""Refuse limits that do not fit each other: `python deploy/limits.py`, which the container migrate runs first."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from flaskcelery.config.parsers import ARGON2_DEFAULT, argon2

UNITS = {"k": 2**-10, "m": 1, "g": 2**10}
THREADS = 8  # of a web process
MOST = {"WEB_PROCESSES": 20, "MAX_CONNECTIONS": 900}  # pids_limit in compose.yaml


def main() -> None:
    """Exit with a sentence about each limit that does not fit; without one, do nothing."""
    host = urlsplit(Path(os.environ["DATABASE_URL_FILE"]).read_text()).hostname or ""
    sys.exit("\n".join(find_problems({**os.environ, "DATABASE_HOST": host})) or None)


def find_problems(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence about each limit that does not fit the others."""
    low = [(name, least) for name, least in find_least(environ).items() if read(environ[name]) < least]
    high = [(name, most) for name, most in MOST.items() if read(environ[name]) > most]
    return [f"{name}={environ[name]} is too low: at least {show(name, least)}." for name, least in low] + [
        f"{name}={environ[name]} is too high: at most {most}." for name, most in high
    ]


def find_least(environ: Mapping[str, str]) -> dict[str, float]:
    """Return the least that each limit must be. The memory is what was measured under load, in MiB."""
    processes = read(environ["WEB_PROCESSES"])
    concurrency, jobs_concurrency = read(environ["WORKER_CONCURRENCY"]), read(environ["JOBS_CONCURRENCY"])
    hash_memory = argon2(environ["ARGON2_PARAMETERS"] or ARGON2_DEFAULT)[0] / 2**10
    least = {
        "WEB_PROCESSES": 2,
        "WEB_MEMORY": 60 + processes * (45 + hash_memory / 2),  # every second process computes hashes
        "WORKER_MEMORY": 60 + concurrency * 80,
        "JOBS_MEMORY": 60 + jobs_concurrency * 80,
    }
    if environ.get("DATABASE_HOST", "db") != "db":
        return least
    workers = read(environ["WORKER_REPLICAS"]) * (concurrency + 1)
    jobs = read(environ["JOBS_REPLICAS"]) * (jobs_concurrency + 1)
    return least | {
        # Twice, as a release runs beside the old one; Postgres keeps three for the superuser.
        "MAX_CONNECTIONS": 2 * (read(environ["WEB_REPLICAS"]) * processes * THREADS + workers + jobs + 1) + 3,
        "DATABASE_MEMORY": 200 + read(environ["MAX_CONNECTIONS"]) * 4,
    }


def read(text: str) -> float:
    """Return a number; of memory, in MiB."""
    found = re.fullmatch("([0-9]+)([kmg]?)b?", text.lower())
    if not found:
        sys.exit(f"{text} is no limit: write 4, 512m or 1g.")
    return int(found[1]) * UNITS.get(found[2], 1)


def show(name: str, number: float) -> str:
    """Return a limit as one writes it."""
    return f"{number:.0f}{'m' if name.endswith('_MEMORY') else ''}"


if __name__ == "__main__":
    main()
