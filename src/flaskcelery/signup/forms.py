"""The sign-up form, with the field names and texts of the reference Django app, and how it recognizes bots."""

import logging
from contextlib import suppress

from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import Field, HiddenField, StringField, ValidationError

from flaskcelery.metrics import metrics
from flaskcelery.users.names import EMAIL_MAX_LENGTH, USERNAME_MAX_LENGTH, accept_email, normalize_username
from flaskcelery.users.password_policy import find_problems
from flaskcelery.web.forms import Form, email_field, password_field, refuse_problems, username_field

MIN_SECONDS = 2  # from the first look at the form to its sending

# What the log tells developers whose own scripts are taken for bots.
HINTS = {"hidden field": "leave homepage empty", "too fast": f"send the form {MIN_SECONDS} s after opening it"}

logger = logging.getLogger(__name__)


class TrapForm(Form):
    """A form that recognizes bots without a script or a puzzle, and never tells them.

    They fill in a field that nobody sees, or send the form at once.
    """

    # A CSRF token tells when it was made. This one stays the same when the form is shown again with an error.
    opened = HiddenField(default=generate_csrf)
    homepage = StringField("Leave this field empty", render_kw={"autocomplete": "off", "tabindex": -1})

    def is_from_bot(self) -> bool:
        """Return whether a bot has sent the form, and count it."""
        sign = "hidden field" if self.homepage.data else "too fast" if self._is_too_fast() else ""
        if sign:
            metrics().bots.labels(sign).inc()
            logger.info("A bot was refused, no account is opened: %s. To pass, %s.", sign, HINTS[sign])
        return bool(sign)

    def _is_too_fast(self) -> bool:
        # Without a valid token, it was opened before an update or with an earlier key: long ago.
        with suppress(ValidationError):
            validate_csrf(next(iter(self.opened.raw_data or ()), None), time_limit=MIN_SECONDS - 1)
            return True
        return False


class SignUpForm(TrapForm):
    username = username_field("Username", normalize_username, USERNAME_MAX_LENGTH)
    email = email_field("Email", accept_email, EMAIL_MAX_LENGTH)
    password1 = password_field("Password", is_new=True)
    password2 = password_field("Confirm password", repeats="password1")

    def validate_password1(self, field: Field) -> None:
        refuse_problems(field, find_problems(field.data, self.username.data or "", self.email.data or ""))
