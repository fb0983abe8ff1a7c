"""The form for changing one's password."""

from wtforms import PasswordField
from wtforms.validators import InputRequired

from flaskcelery.users.forms import NewPasswordForm


class ChangePasswordForm(NewPasswordForm):
    """The old password and a new one, typed twice."""

    old_password = PasswordField("Old password:", [InputRequired()], render_kw={"autocomplete": "current-password"})
