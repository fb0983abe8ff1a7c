"""The sign-up form, with the origin's field names and texts."""

from wtforms import Field, PasswordField
from wtforms.validators import EqualTo, InputRequired

from flaskcelery.users.forms import MISMATCH, NamesForm, check_new_password


class SignUpForm(NamesForm):
    """What a visitor fills in to open an account."""

    password1 = PasswordField("Enter password:", [InputRequired()], render_kw={"autocomplete": "new-password"})
    password2 = PasswordField(
        "Confirm password:",
        [InputRequired(), EqualTo("password1", MISMATCH)],
        render_kw={"autocomplete": "new-password"},
    )

    def validate_password1(self, field: Field) -> None:
        """Refuse a password that breaks a rule, and say every rule it breaks."""
        check_new_password(field, self.username.data or "", self.email.data or "")
