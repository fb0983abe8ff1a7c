"""The files under instance/: other users of the host cannot read them, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_migrate import upgrade

from flaskcelery.app import create_app
from flaskcelery.config import settings
from flaskcelery.database import db


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Let new files be readable for all, as on most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """Return who can do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.requirement(58)
def test_a_migration_creates_a_private_database_in_a_private_folder(tmp_path: Path) -> None:
    instance = tmp_path / "new" / "instance"
    app = create_app({"INSTANCE_PATH": str(instance)})
    with app.app_context(), db.engine.connect() as connection:
        upgrade()
        connection.exec_driver_sql("SELECT 1 FROM users")
        modes = {path.name: mode(path) for path in instance.iterdir() if path.is_file()}
    assert mode(instance) == 0o700
    assert modes.keys() >= {"app.db", "app.db-wal", "app.db-shm", "secret_key"}
    assert set(modes.values()) == {0o600}
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.mark.requirement(58)
def test_the_folder_of_the_checkout_becomes_private_and_no_other_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("instance", "shared"):
        (tmp_path / name).mkdir(mode=0o755)
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    for name in ("instance", "shared"):
        create_app({"INSTANCE_PATH": str(tmp_path / name)})
    assert (mode(tmp_path / "instance"), mode(tmp_path / "shared")) == (0o700, 0o755)
