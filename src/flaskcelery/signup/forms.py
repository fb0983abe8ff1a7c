"""The sign-up form, with the field names and texts of the reference Django app."""

from wtforms import Field

from flaskcelery.signup.bots import TrapForm
from flaskcelery.users.names import EMAIL_MAX_LENGTH, USERNAME_MAX_LENGTH, accept_email, normalize_username
from flaskcelery.users.password_policy import find_problems
from flaskcelery.web.forms import email_field, password_field, refuse_problems, username_field


class SignUpForm(TrapForm):
    username = username_field("Username", normalize_username, USERNAME_MAX_LENGTH)
    email = email_field("Email", accept_email, EMAIL_MAX_LENGTH)
    password1 = password_field("Password", is_new=True)
    password2 = password_field("Confirm password", repeats="password1")

    def validate_password1(self, field: Field) -> None:
        refuse_problems(field, find_problems(field.data, self.username.data or "", self.email.data or ""))
