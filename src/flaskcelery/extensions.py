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


csrf = CSRFProtect()
login_manager = SessionRowLoginManager()
mail = SafeMail()
migrate = Migrate(compare_type=True, render_as_batch=True)
