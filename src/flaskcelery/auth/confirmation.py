"""The page that asks for the password before a sensitive form takes effect (see SENSITIVE in app.py).

It carries the form as it was sent. The password goes to the same URL together with it, so nothing has to be stored.
"""

import re
from collections.abc import Callable

from flask import abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user

from flaskcelery.auth import operations
from flaskcelery.auth.forms import ConfirmForm
from flaskcelery.users.sessions import CONFIRMED_FOR, is_confirmed
from flaskcelery.users.two_factor import is_code
from flaskcelery.web.forms import errors_shown
from flaskcelery.web.rate_limits import attempt
from flaskcelery.web.security import SAFE_METHODS

# No password is ever sent back. So no field for anything else can have such a name.
IS_PASSWORD = re.compile(r"password\d?$", re.IGNORECASE)


def require_confirmation(action: str | Callable[[], str]) -> ResponseReturnValue | None:
    """Admit a form if this session gave the password lately, or if it comes with the form; else ask for it.

    The page says what it will go on with: `action`, which has no text of a visitor.
    """
    user = current_user._get_current_object()
    is_sent = "password" in request.form
    if request.method in SAFE_METHODS or is_confirmed(user):
        if is_sent:
            login_user(user)  # after a second click, the cookie has the old token
        return None
    form = ConfirmForm(request.form if is_sent else None, has_app=user.totp_secret is not None)
    if is_sent and form.validate():
        typed = form.password.data or ""
        with errors_shown(form), attempt("confirm_code" if is_code(user, typed) else "enter_password", account=user.id):
            operations.confirm(user, typed, form.nonce.data or "")
            login_user(user)  # its session has a new token
            return None
    names = [name for name in request.form if name not in form and not IS_PASSWORD.search(name)]
    sent = [(name, text) for name in names for text in request.form.getlist(name)]
    if len(sent) > current_app.config["MAX_FORM_PARTS"]:
        abort(413)  # as for a form that comes in parts
    label = action if isinstance(action, str) else action()
    return render_template("auth/confirm.html", form=form, sent=sent, action=label, minutes=CONFIRMED_FOR // 60)
