"""`flask check`, and that no entry point starts with an unsafe configuration."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests import processes
from tests.integration.stack import NOTHING_SET
from tests.processes import HOST, free_port
from tests.servers import SmtpServer

SAFE = {
    "APP_ENV": "production",
    "SECRET_KEY": hashlib.sha256(b"tests").hexdigest(),
    "PUBLIC_URL": "https://www.shop.dev",
    "MAIL_SERVER": HOST,
    "MAIL_DEFAULT_SENDER": "noreply@shop.dev",
}
UNSAFE = {**SAFE, "SECRET_KEY": "short", "DEBUG": "1", "FLASK_DEBUG": "1", "WTF_CSRF_ENABLED": "0"}
ENTRY_POINTS = {
    "web": ["python", "-c", "import wsgi"],
    "worker": ["celery", "--app", "celery_worker", "worker"],
    "relay": ["flask", "outbox", "relay", "--once"],
    "check": ["flask", "check"],
}


@pytest.fixture
def settings(tmp_path: Path, migrated_database: Path, smtp_server: SmtpServer) -> dict[str, str]:
    """Return a safe configuration whose servers all answer."""
    (tmp_path / "app.db").write_bytes(migrated_database.read_bytes())
    return {**SAFE, "INSTANCE_PATH": str(tmp_path), "MAIL_PORT": str(smtp_server.port)}


def run(command: list[str], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one of the application's commands with these settings alone."""
    return processes.run(command, {**NOTHING_SET, **settings})


@pytest.mark.requirement(49)
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_no_entry_point_starts_with_an_unsafe_configuration(settings: dict[str, str], entry_point: str) -> None:
    result = run(ENTRY_POINTS[entry_point], {**settings, **UNSAFE})
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("  - ")]
    said = [line.split()[1] for line in lines]
    assert said == ["SECRET_KEY", "DEBUG", "WTF_CSRF_ENABLED", "DATABASE_URL", "CELERY_BROKER_URL"]
    assert "\nWarnings:\n  - DATABASE_URL" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_machine_in_order_gets_warnings_at_most(settings: dict[str, str]) -> None:
    result = run(["flask", "check", "--deploy"], settings)
    assert result.returncode == 0
    assert [line.split()[1] for line in result.stdout.splitlines()[1:]] == ["DATABASE_URL", "CELERY_BROKER_URL"]


def test_what_does_not_answer_is_a_warning(settings: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "app.db").unlink()
    port = str(free_port())
    away = {"CELERY_BROKER_URL": f"redis://{HOST}:{port}/0", "MAIL_PORT": port, "RATELIMIT_ENABLED": "0"}
    result = run(["flask", "check", "--deploy"], {**settings, **away})
    assert result.returncode == 0
    for text in (
        "flask db upgrade",
        "the broker does not answer",
        "the mail server cannot be used",
        "RATELIMIT_ENABLED",
    ):
        assert text in result.stdout


def test_development_is_told_what_production_would_refuse(settings: dict[str, str]) -> None:
    development = {**settings, "APP_ENV": "development", "SECRET_KEY": "", "PUBLIC_URL": ""}
    now = run(["flask", "check"], development)
    assert (now.returncode, now.stdout) == (0, "Nothing is wrong.\n")
    deploy = run(["flask", "check", "--deploy"], development)
    assert deploy.returncode == 1
    assert "SECRET_KEY is missing" in deploy.stdout
    assert "PUBLIC_URL is missing" in deploy.stdout
