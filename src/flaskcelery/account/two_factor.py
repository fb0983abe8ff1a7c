"""The pages of two-factor authentication in my account. Visitors are logged in (see GUARDS in app.py)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user

from flaskcelery.account.operations import change_two_factor
from flaskcelery.users.models import User
from flaskcelery.users.two_factor import NEW_SECRET, describe_secret, get_new_secret, renew_codes, turn_off, turn_on
from flaskcelery.web.forms import CodeForm, Form, errors_shown
from flaskcelery.web.rate_limits import limit

bp = Blueprint("two_factor", __name__, template_folder="templates")

PAGE = "/accounts/me/two-factor/<any('set-up', codes, off):action>/"
# The form of each page, and what it does.
CHANGES: dict[str, tuple[type[Form], Callable[[User, Any], list[str] | None]]] = {
    "set-up": (CodeForm, lambda user, form: turn_on(user, form.code.data, get_new_secret(session))),
    "codes": (Form, lambda user, _form: renew_codes(user.id)),
    "off": (Form, lambda user, _form: turn_off(user)),
}


@bp.get(PAGE)
def show(action: str) -> str:
    """Show the form. The secret of a new app is another one each time, so that nobody can have seen it before."""
    session.pop(NEW_SECRET, None)
    return _show(action, CHANGES[action][0]())


@bp.post(PAGE)
@limit("change_two_factor")
def submit(action: str) -> ResponseReturnValue:
    """Make the change, or show the form again. New recovery codes are shown this once."""
    make_form, change = CHANGES[action]
    form, user = make_form(request.form), current_user._get_current_object()
    if form.validate():
        with errors_shown(form):
            codes = change_two_factor(user, partial(change, user, form))
            session.pop(NEW_SECRET, None)  # no page shows it again
            login_user(user)  # its session can have a new token
            if codes:
                return render_template("recovery_codes.html", codes=codes, next_page=url_for("account.show"))
            flash("Two-factor authentication is off.", "success")
            return redirect(url_for("account.show"))
    return _show(action, form)


def _show(action: str, form: Form) -> str:
    secret = describe_secret(current_user, get_new_secret(session)) if action == "set-up" else None
    return render_template("account/two_factor.html", action=action, form=form, secret=secret)
