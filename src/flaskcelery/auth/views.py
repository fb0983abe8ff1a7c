"""The log-in page, the log-out button, and a new password by mail."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user
from werkzeug.wrappers import Response

from flaskcelery.auth.forms import LogInForm, ResetForm
from flaskcelery.auth.operations import (
    EmailNotConfirmed,
    WrongCredentials,
    ask_reset,
    authenticate,
    find_by_reset_token,
    reset_password,
    typed_email_key,
)
from flaskcelery.extensions import csrf
from flaskcelery.users.forms import NewPasswordForm
from flaskcelery.users.password_policy import password_help
from flaskcelery.users.sessions import log_out
from flaskcelery.web.rate_limits import limit
from flaskcelery.web.security import safe_next

bp = Blueprint("auth", __name__, template_folder="templates")

RESET_TOKEN = "reset_token"  # noqa: S105  a key of the visitor's session


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
    except (WrongCredentials, EmailNotConfirmed) as error:
        form.form_errors.append(str(error))
        return render_template("auth/login.html", form=form, unconfirmed=isinstance(error, EmailNotConfirmed))
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


@bp.get("/accounts/password_reset/")
def show_reset() -> str:
    """Show the form that asks for a link."""
    return render_template("auth/password_reset.html", form=ResetForm())


@bp.post("/accounts/password_reset/")
@limit("ask_reset")
def submit_reset() -> str | Response:
    """Have the link mailed; the answer is the same whether or not there is such an account."""
    form = ResetForm(request.form)
    if not form.validate():
        return render_template("auth/password_reset.html", form=form)
    ask_reset(form.email.data or "")
    return redirect(url_for("auth.show_reset_asked"))


@bp.get("/accounts/password_reset/done/")
def show_reset_asked() -> str:
    """Say what happens next."""
    return render_template("auth/password_reset_done.html")


@bp.get("/accounts/reset/<int(max=9223372036854775807):user_id>/<token>/")
def show_reset_link(user_id: int, token: str) -> str | Response:
    """Move the token out of the address, which other pages could see, and go on; nothing is changed by coming here."""
    if find_by_reset_token(user_id, token) is None:
        return render_template("auth/reset_link_invalid.html")
    session[RESET_TOKEN] = token
    return redirect(url_for("auth.show_new_password", user_id=user_id))


@bp.get("/accounts/reset/<int(max=9223372036854775807):user_id>/set-password/")
def show_new_password(user_id: int) -> str:
    """Show the form for the new password."""
    user = find_by_reset_token(user_id, session.get(RESET_TOKEN, ""))
    if user is None:
        return render_template("auth/reset_link_invalid.html")
    return render_template("auth/new_password.html", form=NewPasswordForm(user), rules=password_help())


@bp.post("/accounts/reset/<int(max=9223372036854775807):user_id>/set-password/")
def submit_new_password(user_id: int) -> str | Response:
    """Set the new password; the visitor is not logged in by it."""
    token = session.get(RESET_TOKEN, "")
    user = find_by_reset_token(user_id, token)
    if user is None:
        return render_template("auth/reset_link_invalid.html")
    form = NewPasswordForm(user, request.form)
    if not form.validate():
        return render_template("auth/new_password.html", form=form, rules=password_help())
    if not reset_password(user_id, token, form.new_password1.data or ""):
        return render_template("auth/reset_link_invalid.html")
    session.pop(RESET_TOKEN)
    return redirect(url_for("auth.show_reset_complete"))


@bp.get("/accounts/reset/done/")
def show_reset_complete() -> str:
    """Say that it is done."""
    return render_template("auth/password_reset_complete.html")
