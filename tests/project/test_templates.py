"""Every template compiles, and an email has its three parts."""

from pathlib import Path

import pytest
from flask import Flask

SOURCE = Path(__file__).parents[2] / "src" / "flaskcelery"
TEMPLATES = sorted(path for folder in SOURCE.rglob("templates") for path in folder.rglob("*.*"))
SUBJECTS = [path for path in TEMPLATES if path.name.endswith(".subject.txt")]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_template_compiles_and_escapes_what_visitors_typed(app: Flask, path: Path) -> None:
    text = path.read_text()
    app.jinja_env.from_string(text)
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape false" not in text


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda path: path.name)
def test_an_email_has_a_subject_a_text_and_an_html_part(subject: Path) -> None:
    name = subject.name.removesuffix(".subject.txt")
    assert (subject.parent / f"{name}.txt").exists()
    assert (subject.parent / f"{name}.html").exists()
