"""Fields for texts: what they keep, what they refuse, and how pages show them, beside dates and choices."""

from __future__ import annotations

import re

import pytest
from flask import Flask, get_template_attribute
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import DateField, SelectField
from wtforms.validators import DataRequired, Optional

from flaskcelery.web.forms import clean, clean_line, long_text_field, text_field


class NoteForm(FlaskForm):
    title = text_field("Title", 20)
    body = long_text_field("Text", 100, is_optional=True)
    due = DateField("Due", [Optional()])
    kind = SelectField("Kind", [DataRequired()], choices=["idea", "task"])


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("a\x00b\x1b[31m", "ab[31m"),
        ("  two\r\nlines\rthree\n\n", "two\nlines\nthree"),
        ("tab\tstays", "tab\tstays"),
        ("half \ud800 a pair", "half  a pair"),
        ("Åsa 👩‍👧 \u00a0", "Åsa 👩‍👧"),
        (None, ""),
    ],
)
def test_a_text_has_no_control_characters_and_plain_ends_of_lines(typed: str | None, kept: str) -> None:
    assert clean(typed) == kept
    clean(typed).encode()


def test_a_line_is_one_line() -> None:
    assert clean_line(" one \n\t two\x00 \u2028 three ") == "one two three"


@pytest.mark.parametrize(
    ("title", "error"), [("", "Enter a text."), ("\x00 ", "Enter a text."), ("x" * 21, "Use at most 20 characters.")]
)
def test_a_text_that_is_missing_or_too_long_is_refused_in_words(app: Flask, title: str, error: str) -> None:
    with app.test_request_context(method="POST"):
        form = NoteForm(MultiDict({"title": title, "kind": "idea"}), meta={"csrf": False})
        assert not form.validate()
    assert form.errors == {"title": [error]}


def test_an_optional_text_and_date_can_be_left_out(app: Flask) -> None:
    with app.test_request_context(method="POST"):
        form = NoteForm(MultiDict({"title": "x", "due": "", "kind": "task"}), meta={"csrf": False})
        assert form.validate()
    assert (form.body.data, form.due.data) == ("", None)


def test_every_kind_of_field_is_shown_with_its_label_and_says_whether_it_is_required(app: Flask) -> None:
    with app.test_request_context():
        show_field = get_template_attribute("components.html", "show_field")
        shown = [str(show_field(field, "body")) for field in NoteForm(meta={"csrf": False})]
    tags = [re.search(r"<(?:input|textarea|select)[^>]*>", each)[0] for each in shown]
    assert [tag.split()[0] for tag in tags] == ["<input", "<textarea", "<input", "<select"]
    assert [" required" in tag for tag in tags] == [True, False, False, True]
    assert [" autofocus" in tag for tag in tags] == [False, True, False, False]
    assert 'type="date"' in tags[2]
    assert all('<label for="' in each for each in shown)
