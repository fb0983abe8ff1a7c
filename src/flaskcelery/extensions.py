"""Flask extensions, created once and bound to the application in `app.py`."""

from contextlib import suppress

from flask import current_app, request
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError, generate_csrf, validate_csrf
from werkzeug.exceptions import BadRequest
from wtforms import ValidationError

from flaskcelery.mail.message import SafeMail
from flaskcelery.web.security import SAFE_METHODS


class SafeCsrfProtect(CSRFProtect):  # type: ignore[misc]  # the library ships no types
    """Flask-WTF's protection without its 500 for a malformed Referer or field, and with SECRET_KEY_FALLBACKS."""

    def protect(self, apply_exemptions: bool = False) -> None:
        if request.method in SAFE_METHODS:  # Flask-WTF asks this after it has looked for exemptions
            return
        try:
            super().protect(apply_exemptions)
        except ValueError:
            raise CSRFError("The referrer is malformed.") from None

    def _get_csrf_token(self) -> str | None:
        """Return the form's token, signed anew if it was signed with one of SECRET_KEY_FALLBACKS."""
        if None in request.form:  # a part without a name
            raise BadRequest
        token: str | None = super()._get_csrf_token()
        for key in current_app.config["SECRET_KEY_FALLBACKS"]:
            with suppress(ValidationError):
                validate_csrf(token, key)
                token = generate_csrf()
        return token


csrf = SafeCsrfProtect()
login_manager = LoginManager()
login_manager.session_protection = None  # it trusts X-Forwarded-For; the session row decides
login_manager.login_view = "auth.show_login"
login_manager.login_message = None
mail = SafeMail()
migrate = Migrate(compare_type=True, render_as_batch=True)
