"""The log-in form."""

from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, PasswordField
from wtforms.validators import DataRequired, InputRequired

REQUIRED = "This field is required."


class LogInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """E-mail and password; the first is named `username`, as the origin and password managers have it."""

    username = EmailField(
        "Email:",
        [DataRequired(REQUIRED)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "maxlength": 254},
    )
    password = PasswordField("Password:", [InputRequired(REQUIRED)], render_kw={"autocomplete": "current-password"})
    next = HiddenField()
