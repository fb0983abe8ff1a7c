"""How a scenario is run: load, fault, load, healing, load, and then the checks."""

import logging
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask_migrate import upgrade

from flaskcelery.app import create_app
from flaskcelery.database import db
from tests.faults.checks import Result, check
from tests.faults.environment import Postgres, Redis, Sink, sh
from tests.faults.load import Load
from tests.faults.scenarios import PATIENCE, Environment, Scenario
from tests.faults.stack import PERIOD, FaultStack

# That may be open at the end than at the beginning: each replaced pool process inherits eleven, and there are four.
MORE_FILES = 60
LINES = 25  # of each log, shown when a scenario missed something


def run_scenario(scenario: Scenario, postgres: Postgres | None, seed: int, unprotected: str) -> Result:
    """Build the stack, run the scenario and return what came of it."""
    result = Result(scenario.name, "postgres" if postgres else "sqlite", seed)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            with ExitStack() as exits:
                environment = build(scenario, folder, exits, postgres, unprotected)
                environment.load = Load(environment.stack.visitor, seed)
                exercise(scenario, environment, result)
                check(result, scenario, environment)
        except (Exception, pytest.fail.Exception) as error:
            result.missed.append(f"{type(error).__name__}: {error}".partition("\n")[0])
            sys.stderr.write(traceback.format_exc(limit=-3))
        if result.missed:
            show_logs(folder, f"{result.scenario} on {result.database}")
    result.seconds = time.monotonic() - started
    return result


def build(
    scenario: Scenario, folder: Path, exits: ExitStack, postgres: Postgres | None, unprotected: str
) -> Environment:
    """Start all parts of a scenario."""
    instance, logs = folder / "instance", folder / "logs"
    for part, size in ((instance, scenario.disk), (logs, scenario.logs)):
        part.mkdir()
        if size:
            sh(f"mount -t tmpfs -o size={size} tmpfs {part}")
            exits.callback(sh, f"umount -l {part}")
    url = postgres.create(scenario.name) if postgres else f"sqlite:///{instance / 'app.db'}"
    migrate(url, instance)
    redis, sink = Redis(folder), Sink(folder)
    exits.callback(lambda: [server.process.kill() for server in (redis, sink)])
    stack = FaultStack(folder, exits, {"DATABASE_URL": url, **scenario.settings}, unprotected)
    stack.begin(scenario.workers, scenario.relays)
    return Environment(stack, redis, sink, Load(stack.visitor), postgres)


def migrate(url: str, instance: Path) -> None:
    """Create the tables, quietly."""
    logging.disable(logging.WARNING)
    app = create_app({"DATABASE_URL": url, "INSTANCE_PATH": str(instance)})
    with app.app_context():
        upgrade()
        db.session.remove()
        db.engine.dispose()


def exercise(scenario: Scenario, environment: Environment, result: Result) -> None:
    """Run the load through the fault, heal, and measure how long it takes until all is well."""
    before, during, after = scenario.load
    environment.load.run(environment.load.names(4), "warm-up")
    names = list(environment.stack.kept)
    environment.load.run(environment.load.names(before), "before")
    open_files = environment.stack.count_open_files(names)  # most pools have filled by now
    fault = scenario.fault(environment)
    next(fault)
    environment.load.run(environment.load.names(during), "during")
    try:
        next(fault)
    except StopIteration as end:
        result.fired = str(end.value)
    result.expect(result.fired, "I8: nothing proves that the fault happened")
    healed = time.monotonic()
    while not environment.probe() and time.monotonic() < healed + PATIENCE:
        pass
    result.recovery = time.monotonic() - healed
    result.expect(result.recovery <= PATIENCE, f"I7: not normal after {result.recovery:.0f} s")
    environment.load.run(environment.load.names(after), "after")
    environment.load.run(environment.load.unanswered(), "again")
    environment.stack.wait_until_nothing_is_pending(PATIENCE + environment.stack.lease)
    result.drained = time.monotonic() - healed
    time.sleep(PERIOD + 0.5)  # what would go out twice goes out now
    grown = environment.stack.count_open_files(names) - open_files
    result.expect(grown <= MORE_FILES, f"I7: {grown} more files are open than before")


def show_logs(folder: Path, title: str) -> None:
    """Show the end of each log of a scenario that missed something."""
    for log in sorted(folder.rglob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-LINES:]
        sys.stderr.write("\n".join([f"--- {title}: {log.name}", *lines, ""]))
