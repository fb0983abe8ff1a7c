"""The forms of my account."""

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired

from flaskcelery.users.names import EMAIL_MAX_LENGTH, USERNAME_MAX_LENGTH, normalize_email, normalize_username
from flaskcelery.web.forms import accepted_by, strip


class UsernameForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The new username."""

    username = StringField(
        "New username:",
        [DataRequired(), accepted_by(normalize_username)],
        filters=[strip],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "maxlength": USERNAME_MAX_LENGTH},
    )


class PasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The current password, which shows that the owner is at the keyboard."""

    password = PasswordField("Your password:", [InputRequired()], render_kw={"autocomplete": "current-password"})


class EmailForm(PasswordForm):
    """The new address, and the current password."""

    email = EmailField(
        "New email:",
        [DataRequired(), accepted_by(normalize_email)],
        filters=[strip],
        render_kw={"autocomplete": "email", "maxlength": EMAIL_MAX_LENGTH},
    )
