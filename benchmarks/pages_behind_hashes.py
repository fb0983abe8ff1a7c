"""Measure how long a page takes while people sign up: `python -m benchmarks.pages_behind_hashes`, about a minute.

One pool of web processes against two, side by side in one run: real uWSGI, nginx and Postgres on loopback. A page is
due every 20 ms whatever the last one does, and its time counts from when it was due.
"""

import itertools
import multiprocessing
import statistics
import threading
import time
from contextlib import ExitStack
from multiprocessing.queues import Queue
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from tests.integration.stack import Stack
from tests.integration.visitor import LOG_IN, SIGN_UP, Visitor
from tests.postgres import run_postgres
from tests.processes import ROOT

SECONDS = 6
EVERY = 0.02
STORMS = (0, 16, 64)
ONE_POOL = {"processes = 4": "processes = 2", "map-socket = 0:1,2": "", "map-socket = 1:3,4": ""}
POOLS = {
    "one pool, 2 processes x 8 threads": ONE_POOL,
    "two pools, 2 + 2 processes x 8 threads": {},
    "two pools, 2 + 2 processes x 2 threads": {"threads = 8": "threads = 2"},
}


def storm(port: int, at_once: int, over: float, done: "Queue[int]") -> None:
    """Let so many people sign up again and again until the time is over, in a process of its own."""
    counts = [0] * at_once

    def sign_up(number: int) -> None:
        visitor = Visitor(port)
        visitor.get(SIGN_UP)
        while time.time() < over:
            name = f"v{over:.0f}x{number}x{counts[number]}"
            assert visitor.sign_up(name).status == 302
            counts[number] += 1

    run_threads([threading.Thread(target=sign_up, args=(number,)) for number in range(at_once)])
    done.put(sum(counts))


def run_threads(threads: list[threading.Thread]) -> None:
    """Run threads to their ends."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure_pages(port: int, over: float) -> list[float]:
    """Fetch pages, each when it is due, over eight connections' worth of visitors; return their seconds."""
    seconds: list[float] = []
    dues = itertools.count()
    began = time.time()

    def fetch() -> None:
        visitor = Visitor(port)
        while (due := began + next(dues) * EVERY) < over:
            time.sleep(max(0.0, due - time.time()))
            visitor.get(LOG_IN)
            seconds.append(time.time() - due)

    run_threads([threading.Thread(target=fetch) for _ in range(8)])
    return seconds


def measure(stack: Stack, at_once: int) -> tuple[float, float, float]:
    """Return the median and the 99th percentile of a page in ms, and sign-ups a second, with so many people at it."""
    over, done = time.time() + SECONDS + 1, multiprocessing.get_context("spawn").Queue()
    people = multiprocessing.get_context("spawn").Process(target=storm, args=(stack.port, at_once, over, done))
    people.start()
    time.sleep(1)
    pages = measure_pages(stack.port, over)
    signed_up = done.get(timeout=60)
    people.join()
    return 1000 * statistics.median(pages), 1000 * statistics.quantiles(pages, n=100)[98], signed_up / SECONDS


def start_stack(exits: ExitStack, folder: Path, changes: dict[str, str]) -> Stack:
    """Start nginx and uWSGI, on a database of their own, with lines of uwsgi.ini changed."""
    server = exits.enter_context(run_postgres(folder))
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE benchmark")
    settings = {"INSTANCE_PATH": str(folder / "instance"), "DATABASE_URL": f"{server}/benchmark"}
    stack = Stack(folder, exits, settings)
    ini = (ROOT / "deploy/uwsgi.ini").read_text().replace("%d..", str(ROOT))
    for line, other in changes.items():
        ini = ini.replace(f"{line}\n", f"{other}\n")
    (folder / "uwsgi.ini").write_text(ini)
    assert stack.run("migrate", "flask db upgrade").popen.wait(60) == 0
    stack.start_web(ini=str(folder / "uwsgi.ini"))
    for _ in range(50):
        stack.visitor().get(LOG_IN)
    return stack


def main() -> None:
    """Measure each way, and print a table."""
    print(f"| page p50 / p99 in ms | {' | '.join(f'{at_once} sign up at once' for at_once in STORMS)} |")
    print(f"| --- |{' --- |' * len(STORMS)}")
    for name, changes in POOLS.items():
        with ExitStack() as exits, TemporaryDirectory() as folder:
            stack = start_stack(exits, Path(folder), changes)
            measurements = [measure(stack, at_once) for at_once in STORMS]
            exits.close()
        columns = [f"{p50:.0f} / {p99:.0f} ({rate:.0f}/s)" for p50, p99, rate in measurements]
        print(f"| {name} | {' | '.join(columns)} |", flush=True)


if __name__ == "__main__":
    main()
