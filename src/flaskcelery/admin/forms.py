"""The forms of staff that add and edit users, and give accounts back."""

from wtforms import HiddenField

from flaskcelery.users.names import EMAIL_MAX_LENGTH, USERNAME_MAX_LENGTH, normalize_email, normalize_username
from flaskcelery.web.forms import Form, email_field, username_field


class NamesForm(Form):
    username = username_field("Username", normalize_username, USERNAME_MAX_LENGTH)
    email = email_field("Email", normalize_email, EMAIL_MAX_LENGTH, "Enter an email.")


class EditForm(NamesForm):
    email_key = HiddenField()  # as the page showed it


class GiveBackForm(Form):
    owners_email = email_field("The owner’s email", normalize_email, EMAIL_MAX_LENGTH, "Enter an email.")
