"""Flask's extensions, created once and bound to the application in `app.py`."""

from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf import CSRFProtect

from flaskcelery.mail import SafeMail


class SessionRowLoginManager(LoginManager):  # type: ignore[misc]  # the library ships no types
    """Flask-Login without its remember cookie, which never dies and answers bad input with a 500."""

    session_protection = None  # it trusts X-Forwarded-For; the session row decides

    def _load_user_from_remember_cookie(self, cookie: str) -> None:
        """Ignore the cookie: staying logged in is a longer-lived session row."""


class SafeCsrfProtect(CSRFProtect):  # type: ignore[misc]  # the library ships no types
    """Flask-WTF's protection, for which a malformed Referer is a fault of the server."""

    def protect(self, apply_exemptions: bool = False) -> None:
        """Refuse a forged form."""
        try:
            super().protect(apply_exemptions)
        except ValueError:
            self._error_response("The referrer is malformed.")


csrf = SafeCsrfProtect()
login_manager = SessionRowLoginManager()
login_manager.login_view = "auth.show_login"
login_manager.login_message = None
mail = SafeMail()
migrate = Migrate(compare_type=True, render_as_batch=True)
