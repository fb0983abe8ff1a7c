"""Disks without room: the database's, and that of the logs."""

import os
from pathlib import Path

from tests.faults.matrix_databases import sends_at_once
from tests.faults.scenarios import Environment, Fault, scenario
from tests.integration.visitor import SIGN_UP
from tests.processes import wait_until

PAGE = 4096  # a file may still grow by what is left of its last one


def fill(file: Path) -> str:
    """Write to a file until its disk is full; return the error."""
    with file.open("ab", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(PAGE))
        except OSError as error:
            return str(error)


@scenario(databases=("sqlite",), refuses=True, disk="8m")
def sqlite_disk_full(environment: Environment) -> Fault:
    """Not one more page fits on the disk."""
    environment.allowed = sends_at_once(environment)  # whose results cannot be recorded in time
    ballast = environment.stack.instance / "ballast"
    proof = fill(ballast)
    yield
    refused = sum(made.status == 503 for made in environment.load.log)
    ballast.unlink()
    return f"{proof}; {refused} sign-ups answered 503" if refused else ""


@scenario(logs="2m")
def logs_full(environment: Environment) -> Fault:
    """Nothing can be logged, and nginx has no room for a file: visitors and emails do not notice."""
    ballast, watched = environment.stack.folder / "ballast", ("uwsgi", "worker0", "nginx")
    fill(ballast)
    sizes = sizes_of(environment, watched)
    yield
    visitor = environment.stack.visitor()
    visitor.get(SIGN_UP)
    assert visitor.post(SIGN_UP, username="x" * 40_000).status == 200, "a long form was not read"
    environment.stack.wait_until_nothing_is_pending(20)
    proof, free = fill(ballast), os.statvfs(ballast).f_bavail
    grown = [now - before for now, before in zip(sizes_of(environment, watched), sizes, strict=True)]
    ballast.unlink()
    sizes = sizes_of(environment, watched)
    wait_until(
        lambda: environment.probe() and all(map(int.__gt__, sizes_of(environment, watched), sizes)),
        10,
        "all logs grow again",
    )
    return f"{proof}; the logs grew by {grown} bytes" if max(grown) < PAGE and not free else ""


def sizes_of(environment: Environment, names: tuple[str, ...]) -> list[int]:
    """Return the size of each log."""
    return [(environment.stack.folder / f"{name}.log").stat().st_size for name in names]
