"""The form that asks for a fresh link."""

from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField
from wtforms.validators import DataRequired

from flaskcelery.users.names import EMAIL_MAX_LENGTH, normalize_email
from flaskcelery.web.forms import accepted_by, strip


class ResendForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The address to which the link shall go."""

    email = EmailField(
        "Email:",
        [DataRequired(), accepted_by(normalize_email)],
        filters=[strip],
        render_kw={"autocomplete": "email", "maxlength": EMAIL_MAX_LENGTH},
    )
    back = HiddenField()
