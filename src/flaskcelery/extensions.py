"""Flask's extensions, created once and bound to the application in `app.py`."""

from contextlib import suppress

from flask import current_app
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

from flaskcelery.mail.message import SafeMail


class SessionRowLoginManager(LoginManager):  # type: ignore[misc]  # the library ships no types
    """Flask-Login without its remember cookie, which never dies and answers bad input with a 500."""

    session_protection = None  # it trusts X-Forwarded-For; the session row decides

    def _load_user_from_remember_cookie(self, cookie: str) -> None:
        """Ignore the cookie: staying logged in is a longer-lived session row."""


class SafeCsrfProtect(CSRFProtect):  # type: ignore[misc]  # the library ships no types
    """Flask-WTF's protection, for which a malformed Referer is a fault of the server and an old key is unknown."""

    def protect(self, apply_exemptions: bool = False) -> None:
        """Refuse a forged form."""
        try:
            super().protect(apply_exemptions)
        except ValueError:
            self._error_response("The referrer is malformed.")

    def _get_csrf_token(self) -> str | None:
        """Return the form's token, signed anew if it was signed with an earlier key."""
        token: str | None = super()._get_csrf_token()
        for key in current_app.config["SECRET_KEY_FALLBACKS"]:
            with suppress(ValidationError):
                validate_csrf(token, key)
                token = generate_csrf()
        return token


csrf = SafeCsrfProtect()
login_manager = SessionRowLoginManager()
login_manager.login_view = "auth.show_login"
login_manager.login_message = None
mail = SafeMail()
migrate = Migrate(compare_type=True, render_as_batch=True)
