"""Limits in .env that do not fit each other stop a start with a sentence."""

import re
import runpy
from pathlib import Path

import pytest
from sqlalchemy.pool import QueuePool

from flaskcelery.app import create_app
from flaskcelery.database import db
from tests.processes import ROOT
from tests.project.test_compose import SERVICES

LIMITS = runpy.run_path(str(ROOT / "deploy/limits.py"))
GIVEN = {name: str(value) for name, value in SERVICES["migrate"]["environment"].items()}
DEFAULTS = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in GIVEN.items()}


def find_problems(**environ: str) -> list[str]:
    """Return what is said of these limits and the defaults of the others."""
    found: list[str] = LIMITS["find_problems"](DEFAULTS | environ)
    return found


def test_the_defaults_fit_each_other_with_hashes_of_150_mib() -> None:
    assert find_problems() == []
    assert find_problems(ARGON2_PARAMETERS="m=153600,t=2,p=1") == []


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"WEB_PROCESSES": "1"}, "WEB_PROCESSES=1 is too low: at least 2."),
        (
            {"WEB_PROCESSES": "21", "WEB_MEMORY": "2g", "MAX_CONNECTIONS": "360", "DATABASE_MEMORY": "2g"},
            "WEB_PROCESSES=21 is too high: at most 20.",
        ),
        ({"WEB_PROCESSES": "16", "DATABASE_HOST": "db.example"}, "WEB_MEMORY=768m is too low: at least 932m."),
        ({"ARGON2_PARAMETERS": "m=307200,t=2,p=1"}, "WEB_MEMORY=768m is too low: at least 840m."),
        ({"WORKER_CONCURRENCY": "8"}, "WORKER_MEMORY=512m is too low: at least 700m."),
        ({"JOBS_CONCURRENCY": "8"}, "JOBS_MEMORY=512m is too low: at least 700m."),
        ({"WEB_REPLICAS": "3"}, "MAX_CONNECTIONS=200 is too low: at least 213."),
        ({"WORKER_REPLICAS": "20"}, "MAX_CONNECTIONS=200 is too low: at least 275."),
        ({"MAX_CONNECTIONS": "250"}, "DATABASE_MEMORY=1g is too low: at least 1200m."),
        ({"MAX_CONNECTIONS": "901", "DATABASE_MEMORY": "4gb"}, "MAX_CONNECTIONS=901 is too high: at most 900."),
    ],
)
def test_what_does_not_fit_is_named(environ: dict[str, str], problem: str) -> None:
    assert find_problems(**environ) == [problem]


@pytest.mark.parametrize("text", ["", "none", "1.5g", "-1"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(SystemExit, match="write 4, 512m or 1g"):
        find_problems(WEB_MEMORY=text)


def test_a_database_elsewhere_has_limits_of_its_own() -> None:
    assert find_problems(WEB_REPLICAS="9", DATABASE_HOST="db.example") == []


def test_the_limits_fit_what_compose_says() -> None:
    assert SERVICES["db"]["pids_limit"] > LIMITS["MOST"]["MAX_CONNECTIONS"] + 50
    assert SERVICES["web"]["pids_limit"] > LIMITS["MOST"]["WEB_PROCESSES"] * (LIMITS["THREADS"] + 1)
    ini = (ROOT / "deploy/uwsgi.ini").read_text()
    assert f"\nthreads = {LIMITS['THREADS']}\n" in ini
    assert set(re.findall(r"\$\{WEB_PROCESSES:-(\d+)\}", ini)) == {DEFAULTS["WEB_PROCESSES"]}
    assert SERVICES["migrate"]["command"][2].startswith("python deploy/limits.py && ")


def test_a_web_process_keeps_a_database_connection_for_each_thread(tmp_path: Path) -> None:
    app = create_app({"DATABASE_URL": "postgresql://localhost/app", "INSTANCE_PATH": str(tmp_path)})
    with app.app_context():
        assert isinstance(db.engine.pool, QueuePool)
        assert db.engine.pool.size() == LIMITS["THREADS"]
