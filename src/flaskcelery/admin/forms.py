"""The forms of the admin pages' actions."""

from flask_wtf import FlaskForm

from flaskcelery.users.names import EMAIL_MAX_LENGTH, USERNAME_MAX_LENGTH, normalize_email, normalize_username
from flaskcelery.web.forms import email_field, username_field


class NamesForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    username = username_field("Username:", normalize_username, USERNAME_MAX_LENGTH)
    email = email_field("Email:", normalize_email, EMAIL_MAX_LENGTH)
