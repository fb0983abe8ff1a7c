"""The log-in form."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, HiddenField, PasswordField
from wtforms.validators import DataRequired, InputRequired

from flaskcelery.users.names import EMAIL_MAX_LENGTH


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
