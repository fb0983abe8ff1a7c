"""Fields for texts: what they keep, what they refuse, and how pages show them, beside dates and choices."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask import Flask, get_template_attribute
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from flaskcelery.users.models import User
from flaskcelery.web.forms import (
    Form,
    date_field,
    datetime_field,
    long_text_field,
    number_field,
    row_field,
    select_field,
    text_field,
)
from flaskcelery.web.texts import clean, clean_line

LAST_DAYS = [date(2031, 2, 2)]
DAYS = "from 01 Jan 1900 to 31 Dec 2199."


class NoteForm(Form):
    title = text_field("Title", 20)
    body = long_text_field("Text", 100, is_optional=True)
    due = date_field("Due", is_optional=True)
    done = date_field("Done", most=lambda: LAST_DAYS[-1], is_optional=True)
    starts_at = datetime_field("Starts (UTC)", is_optional=True)
    kind = select_field("Kind", {"idea": "An idea", "task": "A task"})
    size = number_field("Size", 1, 2000, is_optional=True)


class TaskForm(Form):
    title = text_field("Title", 20)
    owner_id = row_field("Owner", lambda: select(User.id, User.username))


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


def test_the_first_and_the_last_day_are_accepted(app: Flask) -> None:
    for due, starts_at in [("1900-01-01", "1900-01-01T00:00"), ("2199-12-31", "2199-12-31T23:59")]:
        with app.test_request_context(method="POST"):
            typed = {"title": "x", "kind": "idea", "due": due, "starts_at": starts_at}
            form = NoteForm(MultiDict(typed), meta={"csrf": False})
            assert form.validate(), form.errors


def test_an_optional_text_and_date_can_be_left_out(app: Flask) -> None:
    with app.test_request_context(method="POST"):
        form = NoteForm(MultiDict({"title": "x", "due": "", "kind": "task"}), meta={"csrf": False})
        assert form.validate()
    assert (form.body.data, form.due.data) == ("", None)


@pytest.mark.parametrize(
    ("field", "typed", "error"),
    [
        ("due", "tomorrow", "Enter a date."),
        ("due", "2026-02-30", "Enter a date."),
        ("due", "0001-01-01", f"Enter a date {DAYS}"),
        ("due", "9999-12-31", f"Enter a date {DAYS}"),
        ("done", "2199-12-31", "Enter a date from 01 Jan 1900 to 02 Feb 2031."),
        ("starts_at", "2026-02-30T10:00", "Enter a date and time."),
        ("starts_at", "1899-12-31T23:59", f"Enter a date and time {DAYS}"),
        ("starts_at", "2200-01-01T00:00", f"Enter a date and time {DAYS}"),
        ("size", "big", "Enter a number from 1 to 2,000."),
        ("size", "0", "Enter a number from 1 to 2,000."),
        ("size", "9" * 5000, "Enter a number from 1 to 2,000."),
        ("kind", "wish", "Choose one from the list."),
    ],
)
def test_a_value_that_is_none_is_refused_in_one_sentence(app: Flask, field: str, typed: str, error: str) -> None:
    with app.test_request_context(method="POST"):
        form = NoteForm(MultiDict({"title": "x", "kind": "idea", field: typed}), meta={"csrf": False})
        assert not form.validate()
    assert form.errors == {field: [error]}


def test_the_last_day_is_asked_for_each_form(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.LAST_DAYS", [date(2031, 2, 3)])
    with app.test_request_context(method="POST"):
        form = NoteForm(MultiDict({"title": "x", "kind": "idea", "done": "2031-02-04"}), meta={"csrf": False})
        assert not form.validate()
        assert 'max="2031-02-03"' in form.done()
    assert form.errors == {"done": ["Enter a date from 01 Jan 1900 to 03 Feb 2031."]}


@pytest.mark.parametrize("typed", [{}, {"owner_id": "1"}, {"owner_id": "one"}])
def test_a_row_that_is_gone_or_none_is_refused_in_one_sentence(app: Flask, typed: dict[str, str]) -> None:
    with app.test_request_context(method="POST"):
        form = TaskForm(MultiDict({"title": "x", **typed}), meta={"csrf": False})
        assert not form.validate()
    assert form.errors == {"owner_id": ["Choose one from the list."]}


@pytest.mark.parametrize("others", [(TaskForm, ""), (NoteForm, "2-")])
def test_two_forms_of_a_page_share_no_ids_and_each_label_names_its_own_field(
    app: Flask, others: tuple[type[Form], str]
) -> None:
    other, prefix = others
    with app.test_request_context(method="POST"):
        forms = [NoteForm(MultiDict({"size": "big"})), other(MultiDict({f"{prefix}size": "big"}), prefix=prefix)]
        assert [form.validate() for form in forms] == [False, False]
        show_form = get_template_attribute("components.html", "show_form")
        pages = [str(show_form(form, "/", "Save")) for form in forms]
    assert [len(re.findall('name="[^"]*csrf_token"', page)) for page in pages] == [1, 1]
    ids = [re.findall(r' id="([^"]*)"', page) for page in pages]
    assert len({*ids[0], *ids[1]}) == len([*ids[0], *ids[1]])
    for page, own in zip(pages, ids, strict=True):
        named = re.findall(r' (?:for|href|aria-describedby)="#?([^"]*)"', page)
        assert len(named) > 4
        assert set(named) <= set(own)


def test_a_form_is_shown_as_a_whole_and_keeps_what_was_typed(app: Flask) -> None:
    with app.test_request_context(method="POST"):
        typed = {"title": "", "body": "", "due": "2031-02-03", "done": "", "starts_at": "2031-02-03T04:05"}
        typed |= {"kind": "task", "size": "7"}
        form = NoteForm(MultiDict(typed), meta={"csrf": False})
        form.validate()
        page = str(get_template_attribute("components.html", "show_form")(form, "/notes/", "Save"))
    assert re.findall(r'<(?:input|textarea|select)[^>]* name="(\w+)"', page) == [*typed]
    assert all(
        part in page
        for part in ('value="2031-02-03"', 'value="2031-02-03T04:05"', '<option selected value="task">', 'value="7"')
    )
    assert re.search(r'name="title"[^>]* autofocus|autofocus[^>]* name="title"', page)


def test_every_kind_of_field_is_shown_with_its_label_and_says_whether_it_is_required(app: Flask) -> None:
    with app.test_request_context():
        show_field = get_template_attribute("components.html", "show_field")
        shown = [str(show_field(field, "body")) for field in NoteForm(meta={"csrf": False})]
    tags = [re.search(r"<(?:input|textarea|select)[^>]*>", each)[0] for each in shown]
    assert [tag.split()[0] for tag in tags] == ["<input", "<textarea", *["<input"] * 3, "<select", "<input"]
    assert [" required" in tag for tag in tags] == [True, False, False, False, False, True, False]
    assert [" autofocus" in tag for tag in tags] == [False, True, False, False, False, False, False]
    assert all(part in tags[2] for part in ('type="date"', 'min="1900-01-01"', 'max="2199-12-31"'))
    assert 'max="2031-02-02"' in tags[3]
    days = ('type="datetime-local"', 'min="1900-01-01T00:00"', 'max="2199-12-31T23:59"')
    assert all(part in tags[4] for part in days)
    assert all(part in tags[6] for part in ('type="number"', 'min="1"', 'max="2000"'))
    assert all('<label for="' in each for each in shown)
