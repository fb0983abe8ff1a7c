"""The sign-up page."""

from http import HTTPStatus

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response

from flaskcelery.signup.forms import SignUpForm
from flaskcelery.signup.operations import register
from flaskcelery.users.names import typed_email_key
from flaskcelery.users.password_policy import password_hint
from flaskcelery.web.forms import NEW_EMAIL, errors_shown
from flaskcelery.web.rate_limits import email_counted, limit
from flaskcelery.web.templates import same_for_strangers

bp = Blueprint("signup", __name__, template_folder="templates")


def require_open() -> ResponseReturnValue | None:
    """Show a page that says so while sign-up is closed, or by invitation."""
    if current_app.config["SIGN_UP"] == "open":
        return None
    return render_template("signup/closed.html"), HTTPStatus.FORBIDDEN


@bp.get("/accounts/signup/")
@same_for_strangers
def show() -> str | Response:
    if current_user.is_authenticated:
        return redirect(url_for("home.show"))
    return _show(SignUpForm())


@bp.post("/accounts/signup/")
@limit("sign_up")
def submit() -> str | Response:
    """Open the account, or show the form again with what was typed and what is wrong."""
    form = SignUpForm(request.form)
    if form.validate():
        if form.is_from_bot():
            return _leave()
        with errors_shown(form), email_counted(typed_email_key(form.email.data or "")):
            register(form.username.data or "", form.email.data or "", form.password1.data or "")
            session[NEW_EMAIL] = form.email.data  # as it was typed: a copy of the cookie tells nothing else later
            return _leave()
    return _show(form)


def _leave() -> Response:
    """Go to the login page. It is the answer to bots, too, and to an email that is taken if that is not revealed."""
    if current_app.config["SIGN_UP_REVEALS_EMAIL"]:
        flash("Account successfully created!", "success")
    return redirect(url_for("auth.show_login"))


def _show(form: SignUpForm) -> str:
    return render_template("signup/signup.html", form=form, hint=password_hint())
