"""The sign-up form, with the origin's field names and texts."""

from flask_wtf import FlaskForm
from wtforms import EmailField, Field, PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, InputRequired

from flaskcelery.fields import accepted_by, strip
from flaskcelery.users.forms import MISMATCH, check_new_password
from flaskcelery.users.names import EMAIL_MAX_LENGTH, USERNAME_MAX_LENGTH, normalize_email, normalize_username


class SignUpForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """What a visitor fills in to open an account."""

    username = StringField(
        "Username:",
        [DataRequired(), accepted_by(normalize_username)],
        filters=[strip],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "maxlength": USERNAME_MAX_LENGTH},
    )
    email = EmailField(
        "Email:",
        [DataRequired(), accepted_by(normalize_email)],
        filters=[strip],
        render_kw={"autocomplete": "email", "maxlength": EMAIL_MAX_LENGTH},
    )
    password1 = PasswordField("Enter password:", [InputRequired()], render_kw={"autocomplete": "new-password"})
    password2 = PasswordField(
        "Confirm password:",
        [InputRequired(), EqualTo("password1", MISMATCH)],
        render_kw={"autocomplete": "new-password"},
    )

    def validate_password1(self, field: Field) -> None:
        """Refuse a password that breaks a rule, and say every rule it breaks."""
        check_new_password(field, self.username.data or "", self.email.data or "")
