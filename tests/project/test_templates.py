"""Every template compiles and escapes."""

from pathlib import Path

import pytest
from flask import Flask

SOURCE = Path(__file__).parents[2] / "src" / "flaskcelery"
TEMPLATES = sorted(path for folder in SOURCE.rglob("templates") for path in folder.rglob("*.*"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_template_compiles_and_escapes_what_visitors_typed(app: Flask, path: Path) -> None:
    text = path.read_text()
    app.jinja_env.from_string(text)
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape false" not in text
