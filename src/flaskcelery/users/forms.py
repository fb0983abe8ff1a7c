"""Fields for the names of an account, and for a new password, wherever they are chosen."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import EmailField, Field, PasswordField, StringField, ValidationError
from wtforms.validators import DataRequired, EqualTo, InputRequired

from flaskcelery.users.models import User
from flaskcelery.users.names import EMAIL_MAX_LENGTH, USERNAME_MAX_LENGTH, normalize_email, normalize_username
from flaskcelery.users.password_policy import password_problems
from flaskcelery.web.forms import accepted_by, strip

MISMATCH = "The two password fields didn’t match."


def check_new_password(field: Field, username: str, email: str) -> None:
    """Refuse a password that breaks a rule, and say every rule it breaks."""
    problems = password_problems(field.data, username, email)
    field.errors = [*field.errors, *problems[:-1]]
    if problems:
        raise ValidationError(problems[-1])


class NamesForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """What an account is known by."""

    username = StringField(
        "Username:",
        [DataRequired(), accepted_by(normalize_username)],
        filters=[strip],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "maxlength": USERNAME_MAX_LENGTH},
    )
    email = EmailField(
        "Email:",
        [DataRequired(), accepted_by(normalize_email)],
        filters=[strip],
        render_kw={"autocomplete": "email", "maxlength": EMAIL_MAX_LENGTH},
    )


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
