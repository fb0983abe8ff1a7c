"""Django in an environment of its own, asked by JSON."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flaskcelery.app import create_app
from tests.processes import ROOT

ASK_DJANGO = Path(__file__).parent / "ask_django.py"


@pytest.fixture(scope="session")
def django(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has Django: it is installed first, pinned with hashes."""
    python = tmp_path_factory.mktemp("django") / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
    pins = ROOT / "requirements" / "django.txt"
    subprocess.run([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", pins], check=True)
    return python


@pytest.fixture(scope="session")
def ask_django(django: Path) -> Callable[[str, Any], Any]:
    """Return a function that asks Django a question of `ask_django.py`."""

    def ask(question: str, items: Any) -> Any:
        text = json.dumps(items)
        answer = subprocess.run([django, ASK_DJANGO, question], input=text, capture_output=True, text=True, check=True)
        return json.loads(answer.stdout)

    return ask


@pytest.fixture
def context(environ: dict[str, str]) -> Iterator[Flask]:
    """Open the context of an application whose name is like no password."""
    app = create_app({**environ, "SITE_NAME": "Ω"})
    with app.app_context():
        yield app
