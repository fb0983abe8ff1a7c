"""The form for a new password: one page asks for the old one, too, and one follows a link in an email."""

from typing import Any

from wtforms import Field, PasswordField

from flaskcelery.web.forms import Form, password_field, refuse_problems


def new_passwords() -> tuple[PasswordField, PasswordField]:
    """Return the fields for a new password, typed twice."""
    # Fields are displayed in the order of their making.
    return password_field("New password", is_new=True), password_field("Confirm password", repeats="new_password1")


class NewPasswordForm(Form):
    """A new password, typed twice. Validation needs `find_problems`, which returns a sentence for each broken rule."""

    new_password1, new_password2 = new_passwords()

    def __init__(self, formdata: Any = None, find_problems: Any = None) -> None:
        super().__init__(formdata)
        self.find_problems = find_problems

    def validate_new_password1(self, field: Field) -> None:
        refuse_problems(field, self.find_problems(field.data))
