"""The secret key of development: made once, and private."""

import stat
from pathlib import Path

import pytest

from flaskcelery.app import create_app
from flaskcelery.config.checks import load_config


def test_development_makes_its_secret_once_and_keeps_it_private(tmp_path: Path) -> None:
    first, _ = load_config({"INSTANCE_PATH": str(tmp_path)})
    second, _ = load_config({"INSTANCE_PATH": str(tmp_path)})
    assert len(first["SECRET_KEY"]) == 64
    assert second["SECRET_KEY"] == first["SECRET_KEY"]
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_development_replaces_an_empty_key_and_does_not_start_without_one(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()
    assert len(load_config({"INSTANCE_PATH": str(tmp_path)})[0]["SECRET_KEY"]) == 64
    (tmp_path / "secret_key").unlink()
    (tmp_path / "secret_key").mkdir()
    with pytest.raises(SystemExit, match="SECRET_KEY is missing"):
        create_app({"INSTANCE_PATH": str(tmp_path)})
