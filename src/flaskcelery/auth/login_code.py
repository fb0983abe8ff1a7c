"""The second page of a login: a code of the authenticator app, a recovery code, or the set-up of an app.

Until it is done, nobody is logged in: the browser's cookie only says whose password was right, and when.
"""

from collections.abc import Callable

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from flaskcelery.auth import operations
from flaskcelery.auth.forms import RecoveryForm
from flaskcelery.auth.views import PENDING_LOGIN, end_current_session, open_session
from flaskcelery.users.models import User
from flaskcelery.users.two_factor import (
    NEW_SECRET,
    describe_secret,
    get_new_secret,
    turn_on,
    use_code,
    use_recovery_code,
)
from flaskcelery.web.forms import CodeForm, errors_shown
from flaskcelery.web.rate_limits import attempt
from flaskcelery.web.urls import safe_next

bp = Blueprint("login_code", __name__, template_folder="templates")

PAGE = "/accounts/login/<any(code, recovery, 'set-up'):kind>/"
# The form, the limit of wrong codes, and what uses a code up.
KINDS: dict[str, tuple[type[CodeForm], str, Callable[[User, str], list[str] | None]]] = {
    "code": (CodeForm, "enter_code", use_code),
    "recovery": (RecoveryForm, "enter_recovery_code", use_recovery_code),
    "set-up": (CodeForm, "set_up_code", lambda user, code: turn_on(user, code, get_new_secret(session))),
}


def require_password() -> ResponseReturnValue | None:
    """Admit who has just given the right password, to what their account needs: the guard of these pages."""
    user_id, token, g.remember = session.get(PENDING_LOGIN, (0, "", False))
    g.user = operations.find_by_login_token(user_id, token)
    next_page = request.args.get("next")
    if g.user is None:
        if not current_user.is_authenticated:
            flash("Please log in again.", "info")
        return redirect(url_for("auth.show_login", next=next_page))
    kinds = ["code", "recovery"] if g.user.totp_secret else ["set-up"]
    if request.view_args and request.view_args["kind"] not in kinds:
        return redirect(url_for("login_code.show", kind=kinds[0], next=next_page))
    return None


@bp.get(PAGE)
def show(kind: str) -> str:
    """Show the form. The secret of a new app is another one each time, so that nobody can have seen it before."""
    session.pop(NEW_SECRET, None)
    return _show(kind, KINDS[kind][0]())


@bp.post(PAGE)
def submit(kind: str) -> ResponseReturnValue:
    """Finish the login, or show the form again. New recovery codes are shown this once."""
    make_form, limit, use = KINDS[kind]
    form, next_page = make_form(request.form), safe_next(request.args.get("next"))
    if form.validate() and (kind != "set-up" or NEW_SECRET in session):
        with errors_shown(form), attempt(limit, account=g.user.id):
            codes = operations.finish_login(g.user, use, form.code.data or "", g.remember)
            end_current_session()
            open_session(g.user, g.remember)
            if codes:
                return render_template("recovery_codes.html", codes=codes, next_page=next_page)
            return redirect(next_page)
    return _show(kind, form)


def _show(kind: str, form: CodeForm) -> str:
    is_set_up = kind == "set-up"
    secret = describe_secret(g.user, get_new_secret(session)) if is_set_up else None
    return render_template("auth/login_code.html", kind=kind, form=form, secret=secret)
