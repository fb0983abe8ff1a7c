"""The forms of staff that add and edit users."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField

from flaskcelery.users.names import EMAIL_MAX_LENGTH, USERNAME_MAX_LENGTH, normalize_email, normalize_username
from flaskcelery.web.forms import email_field, username_field


class NamesForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    username = username_field("Username", normalize_username, USERNAME_MAX_LENGTH)
    email = email_field("Email", normalize_email, EMAIL_MAX_LENGTH, "Enter an email.")


class EditForm(NamesForm):
    email_key = HiddenField()  # as the page showed it
    is_rescue = BooleanField(
        "The account was stolen",
        description="Then nobody can log in before they follow the link that the email above gets, and nobody can undo "
        "a change of the email. An app that a thief has set up stays: use “Reset two-factor authentication”, too.",
    )
