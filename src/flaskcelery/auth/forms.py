"""The forms for logging in and for a forgotten password."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, Field, HiddenField, PasswordField, ValidationError
from wtforms.validators import DataRequired, InputRequired

from flaskcelery.users.names import EMAIL_MAX_LENGTH, InvalidEmail, normalize_email


class LogInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """E-mail and password; the first is named `username`, as the origin and password managers have it."""

    username = EmailField(
        "Email:",
        [DataRequired()],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "maxlength": EMAIL_MAX_LENGTH},
    )
    password = PasswordField("Password:", [InputRequired()], render_kw={"autocomplete": "current-password"})
    remember = BooleanField("Keep me logged in on this device")
    next = HiddenField()


class ResetForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Where a link for a new password goes."""

    email = EmailField(
        "Email address:",
        [DataRequired()],
        render_kw={"autocomplete": "email", "autocapitalize": "none", "maxlength": EMAIL_MAX_LENGTH},
    )

    def validate_email(self, field: Field) -> None:
        """Refuse what is no address, whether or not it has an account."""
        try:
            normalize_email(field.data.strip())
        except InvalidEmail as error:
            raise ValidationError(str(error)) from None
