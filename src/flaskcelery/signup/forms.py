"""The sign-up form, with the origin's field names and texts."""

from flask_wtf import FlaskForm
from wtforms import EmailField, Field, Form, PasswordField, StringField, ValidationError
from wtforms.validators import DataRequired, EqualTo, InputRequired

from flaskcelery.users.names import USERNAME_MAX_LENGTH, InvalidEmail, InvalidName, normalize_email, normalize_username
from flaskcelery.users.passwords import password_problems

REQUIRED = "This field is required."


def strip(text: str | None) -> str | None:
    """Drop white space around a typed name; passwords are never stripped."""
    return text.strip() if text else text


class SignUpForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """What a visitor fills in to open an account."""

    username = StringField(
        "Username:",
        [DataRequired(REQUIRED)],
        filters=[strip],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "maxlength": USERNAME_MAX_LENGTH},
    )
    email = EmailField(
        "Email:", [DataRequired(REQUIRED)], filters=[strip], render_kw={"autocomplete": "email", "maxlength": 254}
    )
    password1 = PasswordField("Enter password:", [InputRequired(REQUIRED)], render_kw={"autocomplete": "new-password"})
    password2 = PasswordField(
        "Confirm password:",
        [InputRequired(REQUIRED), EqualTo("password1", "The two password fields didn’t match.")],
        render_kw={"autocomplete": "new-password"},
    )

    def validate_username(self, field: Field) -> None:
        """Refuse what is too long, has other characters, or could be mistaken for something else."""
        try:
            normalize_username(field.data)
        except InvalidName as error:
            raise ValidationError(str(error)) from None

    def validate_email(self, field: Field) -> None:
        """Refuse what is no e-mail address."""
        try:
            normalize_email(field.data)
        except InvalidEmail as error:
            raise ValidationError(str(error)) from None

    def validate_password1(self, field: Field) -> None:
        """Refuse a password that breaks a rule, and say every rule it breaks."""
        problems = password_problems(field.data)
        field.errors = [*field.errors, *problems[:-1]]
        if problems:
            raise ValidationError(problems[-1])


def add_errors(form: Form, errors: dict[str, str]) -> None:
    """Show each sentence at the field it is about."""
    for name, sentence in errors.items():
        form[name].errors = [*form[name].errors, sentence]
