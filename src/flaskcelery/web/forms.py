"""What forms share: common fields, validators that ask the domain, and errors shown at their fields."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date
from typing import Any

from flask import flash
from flask_wtf import FlaskForm
from sqlalchemy import Select
from wtforms import (
    DateField,
    DateTimeLocalField,
    EmailField,
    Field,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms import Form as AnyForm
from wtforms.meta import DefaultMeta
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, Optional, StopValidation

from flaskcelery.database import db
from flaskcelery.errors import UserFacingError
from flaskcelery.web.texts import clean, clean_line

Normalize = Callable[[str], str]
Validator = Callable[[AnyForm, Field], None]
Day = date | Callable[[], date]
NEW_EMAIL = "new_email"  # a key of the visitor's session: the email that they have just signed up with
NO_EMAIL = "Enter your email."
USERNAME_HINT = "Letters, numbers and @ . + - _ only"
MISMATCH = "The two password fields didn’t match."
NO_CHOICE = "Choose one from the list."
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)  # what is added to them stays a date


class Form(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The base of all forms: it reads the request, and has a CSRF token.

    Its class is part of the ids of its elements, so that a page can show several forms with the same fields.
    """

    class Meta(DefaultMeta):
        def bind_field(self, form: Any, unbound_field: Any, options: Any) -> Any:
            own_id = f"{type(form).__name__}-{options['prefix']}{options['name']}"
            return super().bind_field(form, unbound_field, {**options, "id": own_id})


def username_field(label: str, normalize: Normalize, max_length: int) -> StringField:
    """Return a field for a username that `normalize` accepts."""
    attributes = {"autocomplete": "username", "autocapitalize": "none", "maxlength": max_length}
    checks = [DataRequired("Enter a username."), accepted_by(normalize)]
    return StringField(label, checks, filters=[strip], description=USERNAME_HINT, render_kw=attributes)


def email_field(label: str, normalize: Normalize, max_length: int, blank: str = NO_EMAIL) -> EmailField:
    """Return a field for an email that `normalize` accepts."""
    attributes = {"autocomplete": "email", "autocapitalize": "none", "maxlength": max_length}
    checks = [DataRequired(blank), accepted_by(normalize)]
    return EmailField(label, checks, filters=[strip], render_kw=attributes)


def password_field(label: str, *, is_new: bool = False, repeats: str = "") -> PasswordField:
    """Return a field for a password, which is never stripped. It can repeat the password of another field."""
    blank = f"Enter {'the password again' if repeats else 'a password' if is_new else 'your password'}."
    checks = [InputRequired(blank), *([EqualTo(repeats, MISMATCH)] if repeats else [])]
    autocomplete = "new-password" if is_new or repeats else "current-password"
    return PasswordField(label, checks, render_kw={"autocomplete": autocomplete})


def code_field(label: str, **attributes: str) -> StringField:
    """Return a field for a code, with these attributes of its element."""
    return StringField(label, [DataRequired("Enter the code.")], filters=[strip], render_kw=attributes)


def strip(text: str | None) -> str | None:
    return text.strip() if text else text


class CodeForm(Form):
    code = code_field("Code from your app", inputmode="numeric", autocomplete="one-time-code")


def text_field(label: str, max_length: int, *, is_optional: bool = False) -> StringField:
    """Return a field for one line of text, such as a title."""
    return StringField(label, _text_checks(max_length, is_optional), [clean_line], render_kw={"maxlength": max_length})


def long_text_field(label: str, max_length: int, *, is_optional: bool = False) -> TextAreaField:
    """Return a field for a text of several lines."""
    attributes = {"maxlength": max_length, "rows": 6}
    return TextAreaField(label, _text_checks(max_length, is_optional), [clean], render_kw=attributes)


def number_field(label: str, least: int, most: int, *, is_optional: bool = False) -> IntegerField:
    """Return a field for a whole number from `least` to `most`."""
    wrong = f"Enter a number from {least:,} to {most:,}."
    checks = _value_checks(wrong, wrong, is_optional, lambda number: least <= number <= most)
    return IntegerField(label, checks, render_kw={"min": least, "max": most})


def date_field(label: str, least: Day = FIRST_DAY, most: Day = LAST_DAY, *, is_optional: bool = False) -> DateField:
    """Return a field for a day from `least` to `most`; a function is called for each form that is made."""
    return _DayField(label, least, most, is_optional)


class _DayField(DateField):
    def __init__(self, label: str, least: Day, most: Day, is_optional: bool, **options: Any) -> None:
        first, last = [day() if callable(day) else day for day in (least, most)]
        wrong = f"Enter a date from {first:%d %b %Y} to {last:%d %b %Y}."
        checks = _value_checks("Enter a date.", wrong, is_optional, lambda day: first <= day <= last)
        super().__init__(label, checks, render_kw={"min": str(first), "max": str(last)}, **options)


def datetime_field(label: str, *, is_optional: bool = False) -> DateTimeLocalField:
    """Return a field for a time in UTC: browsers send no time zone, so the label should name it."""
    wrong = f"Enter a date and time from {FIRST_DAY:%d %b %Y} to {LAST_DAY:%d %b %Y}."
    checks = _value_checks("Enter a date and time.", wrong, is_optional, lambda at: FIRST_DAY <= at.date() <= LAST_DAY)
    days = {"min": f"{FIRST_DAY}T00:00", "max": f"{LAST_DAY}T23:59"}
    return DateTimeLocalField(label, checks, filters=[lambda time: time and time.replace(tzinfo=UTC)], render_kw=days)


def select_field(label: str, choices: Mapping[str, str]) -> SelectField:
    """Return a field that offers the labels of these values; the first one is chosen."""
    return SelectField(label, [_refused_as(NO_CHOICE)], choices=dict(choices))


def row_field(label: str, find_rows: Callable[[], Select[int, str]]) -> SelectField:
    """Return a field that offers the rows of a query for ids and labels, as they are when the form is made."""
    checks = [_refused_as(NO_CHOICE)]
    return SelectField(label, checks, int, lambda: [(*row,) for row in db.session.execute(find_rows())])


def _value_checks(missing: str, wrong: str, is_optional: bool, is_possible: Callable[[Any], bool]) -> list[Any]:
    return [Optional() if is_optional else InputRequired(missing), _refused_as(missing, wrong, is_possible)]


def _refused_as(missing: str, wrong: str = "", is_possible: Callable[[Any], bool] = lambda _: True) -> Validator:
    def check(_form: AnyForm, field: Field) -> None:
        errors, field.errors = field.errors, []  # what WTForms says about it
        if errors or not is_possible(field.data):
            raise StopValidation(missing if errors else wrong)

    return check


def _text_checks(max_length: int, is_optional: bool) -> list[Any]:
    too_long = f"Use at most {max_length:,} characters."
    return [Optional() if is_optional else DataRequired("Enter a text."), Length(max=max_length, message=too_long)]


def accepted_by(normalize: Normalize) -> Validator:
    """Return a validator that shows the error which `normalize` raises."""

    def check(_form: AnyForm, field: Field) -> None:
        try:
            normalize(field.data)
        except UserFacingError as error:
            raise ValidationError(str(error)) from None

    return check


def refuse_problems(field: Field, problems: list[str]) -> None:
    """Refuse the field's value with all of these sentences; accept it if there are none."""
    field.errors = [*field.errors, *problems[:-1]]
    if problems:
        raise ValidationError(problems[-1])


@contextmanager
def errors_shown(form: AnyForm | None) -> Iterator[None]:
    """Show a UserFacingError of the block at the form's field that it names, above the form, or on the next page."""
    try:
        yield
    except UserFacingError as error:
        for name, message in error.errors.items():
            if form is None:
                flash(message, "error")
            elif name in form:
                form[name].errors = [*form[name].errors, message]
            else:
                form.form_errors.append(message)
