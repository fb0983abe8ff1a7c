"""The forms for logging in and for a forgotten password."""

import secrets
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, HiddenField
from wtforms.validators import DataRequired

from flaskcelery.users.names import EMAIL_MAX_LENGTH, normalize_email
from flaskcelery.web.forms import NO_EMAIL, code_field, email_field, password_field


class LogInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Email and password. The email is named `username`, for password managers and as in the reference Django app."""

    username = EmailField(
        "Email",
        [DataRequired(NO_EMAIL)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "maxlength": EMAIL_MAX_LENGTH},
    )
    password = password_field("Password")
    remember = BooleanField("Keep me logged in on this device")
    next = HiddenField()


class CodeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    code = code_field("Code from your app")


class RecoveryForm(CodeForm):
    code = code_field("Recovery code", is_recovery=True)


class ConfirmForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    password = password_field("Your password")
    nonce = HiddenField(default=secrets.token_urlsafe)

    def __init__(self, formdata: Any, *, has_app: bool) -> None:
        super().__init__(formdata)
        if has_app:
            self.password.label.text = "Your password, or a code from your app"


class ResetForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    email = email_field("Email", normalize_email, EMAIL_MAX_LENGTH)
