"""The forms of the account pages."""

from wtforms import BooleanField, HiddenField

from flaskcelery.users.names import (
    EMAIL_MAX_LENGTH,
    USERNAME_MAX_LENGTH,
    accept_email,
    normalize_email,
    normalize_username,
)
from flaskcelery.web.forms import Form, email_field, password_field, username_field
from flaskcelery.web.new_password import NewPasswordForm, new_passwords


class UsernameForm(Form):
    username = username_field("New username", normalize_username, USERNAME_MAX_LENGTH)


class PasswordForm(Form):
    """The password that a link in an email needs."""

    password = password_field("Your password")


class EmailForm(Form):
    email = email_field("New email", accept_email, EMAIL_MAX_LENGTH)
    is_mailbox_lost = BooleanField("I no longer have my old mailbox, or somebody else reads it")


class ChangePasswordForm(NewPasswordForm):
    old_password = password_field("Old password")
    new_password1, new_password2 = new_passwords()  # declared again: fields are displayed in this order


class ResendForm(Form):
    """The email to send a new confirmation link to, and the page to go back to."""

    email = email_field("Email", normalize_email, EMAIL_MAX_LENGTH)
    back = HiddenField()
