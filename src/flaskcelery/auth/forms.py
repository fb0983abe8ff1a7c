"""The forms for logging in and for a forgotten password."""

import secrets
from typing import Any

from wtforms import BooleanField, EmailField, HiddenField
from wtforms.validators import DataRequired

from flaskcelery.users.names import EMAIL_MAX_LENGTH, normalize_email
from flaskcelery.web.forms import NO_EMAIL, CodeForm, Form, code_field, email_field, password_field


class LogInForm(Form):
    """Email and password. The email is named `username`, for password managers and as in the reference Django app."""

    username = EmailField(
        "Email",
        [DataRequired(NO_EMAIL)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "maxlength": EMAIL_MAX_LENGTH},
    )
    password = password_field("Password")
    remember = BooleanField("Keep me logged in on this device")
    next = HiddenField()


class RecoveryForm(CodeForm):
    code = code_field("Recovery code", autocomplete="off", autocapitalize="none")


class ConfirmForm(Form):
    password = password_field("Your password")
    nonce = HiddenField(default=secrets.token_urlsafe)

    def __init__(self, formdata: Any, *, has_app: bool) -> None:
        super().__init__(formdata)
        if has_app:
            self.password.label.text = "Your password, or a code from your app"


class ResetForm(Form):
    email = email_field("Email", normalize_email, EMAIL_MAX_LENGTH)
