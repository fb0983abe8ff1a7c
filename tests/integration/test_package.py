"""The package that `pip install` makes of the source distribution, outside the checkout."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from hatchling import build as backend

from tests.processes import ROOT

FLASK = ("flask", "--app", "flaskcelery.app:create_app")


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment with the package, built and installed offline; it borrows the installed dependencies."""
    folder = tmp_path_factory.mktemp("package")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    site = next((folder / "venv" / "lib").iterdir()) / "site-packages"
    # A path line adds the libraries, but not the editable checkout, which is a path line itself.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        sdist = folder / backend.build_sdist(str(folder))
    finally:
        os.chdir(before)
    pip = [sys.executable, "-m", "pip", "--python", folder / "venv" / "bin" / "python"]
    subprocess.run([*pip, "install", "-q", "--no-index", "--no-deps", "--no-build-isolation", "-I", sdist], check=True)
    subprocess.run([*pip, "check"], check=True)  # every dependency that the package declares is there
    return folder / "venv"


def run(venv: Path, folder: Path, *command: str, **environ: str) -> str:
    """Run a program of the environment in an empty working directory; return its output."""
    names = {"PATH": os.defpath, "INSTANCE_PATH": str(folder / "data"), **environ}
    options: dict[str, Any] = {"cwd": folder, "env": names, "capture_output": True, "text": True}
    done = subprocess.run([venv / "bin" / "python", "-m", *command], check=False, timeout=60, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_package_has_pages_static_files_and_migrations(venv: Path, tmp_path: Path) -> None:
    run(venv, tmp_path, *FLASK, "db", "upgrade")
    assert "problem" not in run(venv, tmp_path, *FLASK, "check").lower()
    script = """
import flaskcelery, sys
from flaskcelery.app import create_app
assert flaskcelery.__file__.startswith(sys.prefix), flaskcelery.__file__
client = create_app().test_client()
print(*[client.get(path).status_code for path in ("/", "/accounts/signup/", "/static/site.css", "/readyz")])
"""
    (tmp_path / "pages.py").write_text(script)
    assert run(venv, tmp_path, "pages").split() == ["200", "200", "200", "200"]


def test_env_and_instance_of_an_installed_package_are_in_the_working_directory(venv: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SITE_NAME=Installed\n")
    assert "Installed" in run(venv, tmp_path, *FLASK, "config", INSTANCE_PATH="")
