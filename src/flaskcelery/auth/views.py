"""The log-in page and the log-out button."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user
from werkzeug.wrappers import Response

from flaskcelery.auth.forms import LogInForm
from flaskcelery.auth.operations import WrongCredentials, authenticate, typed_email_key
from flaskcelery.extensions import csrf
from flaskcelery.limits import limit
from flaskcelery.users.sessions import log_out
from flaskcelery.web import safe_next

bp = Blueprint("auth", __name__, template_folder="templates")


@bp.get("/accounts/login/")
def show_login() -> str:
    """Show the form; `next` in the URL says where to go afterwards."""
    return render_template("auth/login.html", form=LogInForm(next=request.args.get("next", "")))


@bp.post("/accounts/login/")
@limit("log_in", account=lambda: typed_email_key(request.form.get("username", "")))
def submit_login() -> str | Response:
    """Log in with a fresh session and go on, or show the form again."""
    form = LogInForm(request.form)
    if not form.validate():
        return render_template("auth/login.html", form=form)
    try:
        user = authenticate(form.username.data or "", form.password.data or "", form.remember.data)
    except WrongCredentials as error:
        form.form_errors.append(str(error))
        return render_template("auth/login.html", form=form)
    end_current_session()
    session.permanent = form.remember.data  # else the cookie goes with the browser
    login_user(user)
    return redirect(safe_next(form.next.data or request.args.get("next")))


@bp.post("/accounts/logout/")
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF ships no types
def submit_logout() -> Response:
    """Log out; doing it twice is harmless: a visitor's log-out changes nothing, so it needs no token."""
    if current_user.is_authenticated:
        csrf.protect()
        end_current_session()
    return redirect(url_for("auth.show_login"))


def end_current_session() -> None:
    """End the login session of this browser, if there is one, and forget all that its cookie held."""
    if current_user.is_authenticated:
        log_out(current_user)
    session.clear()
