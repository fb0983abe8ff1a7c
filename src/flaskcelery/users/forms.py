"""Fields for a new password, wherever one is chosen."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, PasswordField, ValidationError
from wtforms.validators import EqualTo, InputRequired

from flaskcelery.users.models import User
from flaskcelery.users.password_rules import password_problems

MISMATCH = "The two password fields didn’t match."


def check_new_password(field: Field, username: str, email: str) -> None:
    """Refuse a password that breaks a rule, and say every rule it breaks."""
    problems = password_problems(field.data, username, email)
    field.errors = [*field.errors, *problems[:-1]]
    if problems:
        raise ValidationError(problems[-1])


class NewPasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A new password for an account that exists, typed twice."""

    new_password1 = PasswordField("New password:", [InputRequired()], render_kw={"autocomplete": "new-password"})
    new_password2 = PasswordField(
        "Confirm password:",
        [InputRequired(), EqualTo("new_password1", MISMATCH)],
        render_kw={"autocomplete": "new-password"},
    )

    def __init__(self, user: User, formdata: Any = None) -> None:
        super().__init__(formdata)
        self.user = user

    def validate_new_password1(self, field: Field) -> None:
        """Refuse a password that breaks a rule, and say every rule it breaks."""
        check_new_password(field, self.user.username, self.user.email)
