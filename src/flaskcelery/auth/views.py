"""The login page, the logout button, password reset, and the page that asks for the password again."""

import re
from collections.abc import Callable
from functools import partial

from flask import Blueprint, abort, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user
from werkzeug.wrappers import Response

from flaskcelery.auth import operations
from flaskcelery.auth.forms import ConfirmForm, LogInForm, ResetForm
from flaskcelery.auth.operations import EmailNotConfirmed, authenticate
from flaskcelery.auth.password_reset import InvalidResetLink, find_by_reset_token, request_reset, reset_password
from flaskcelery.extensions import csrf
from flaskcelery.users.devices import remember_device
from flaskcelery.users.models import User
from flaskcelery.users.names import typed_email_key
from flaskcelery.users.password_policy import find_problems, password_hint
from flaskcelery.users.sessions import CONFIRMED_FOR, is_confirmed, log_out
from flaskcelery.users.two_factor import is_code
from flaskcelery.web.forms import NEW_EMAIL, errors_shown
from flaskcelery.web.new_password import NewPasswordForm
from flaskcelery.web.rate_limits import attempt, limit
from flaskcelery.web.security import SAFE_METHODS, clear_site_data
from flaskcelery.web.templates import same_for_strangers
from flaskcelery.web.urls import safe_next

bp = Blueprint("auth", __name__, template_folder="templates")

PENDING_LOGIN = "pending_login"  # keys of the visitor's session
RESET_TOKEN = "reset_token"  # noqa: S105  a name
# No password is ever sent back. So no field for anything else can have such a name.
IS_PASSWORD = re.compile(r"password\d?$", re.IGNORECASE)


@bp.get("/accounts/login/")
@same_for_strangers
def show_login() -> str | Response:
    """Show the form. `next` in the URL says where to go after logging in; a guard has set it."""
    next_page = request.args.get("next", "")
    if current_user.is_authenticated:
        return redirect(safe_next(next_page))
    new_email = session.pop(NEW_EMAIL, "")
    form = LogInForm(next=next_page, username=new_email)
    return render_template("auth/login.html", form=form, new_email=new_email, needs_login=bool(next_page))


@bp.post("/accounts/login/")
def submit_login() -> str | Response:
    """Log in with a fresh session, or show the form again."""
    form = LogInForm(request.form)
    if form.validate():
        email_key = typed_email_key(form.username.data or "")
        with errors_shown(form), attempt("log_in", account=email_key):
            user = authenticate(email_key, form.password.data or "", form.remember.data)
            end_current_session()
            next_page = form.next.data or request.args.get("next")
            if not user.session_token:
                session[PENDING_LOGIN] = (user.id, operations.make_login_token(user), form.remember.data)
                return redirect(url_for("login_code.show", kind="code", next=next_page))
            open_session(user, form.remember.data)
            return redirect(safe_next(next_page))
    return render_template("auth/login.html", form=form, is_unconfirmed=EmailNotConfirmed.message in form.form_errors)


def open_session(user: User, remember: bool) -> None:
    """Put the session that has begun into this browser's cookie."""
    session.permanent = remember and not user.has_role  # else the cookie ends with the browser
    login_user(user)
    remember_device(user)


@bp.post("/accounts/logout/")
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF ships no types
def submit_logout() -> Response:
    """Log out. For an anonymous visitor it changes nothing, so a second click needs no CSRF token."""
    if current_user.is_authenticated:
        csrf.protect()
        end_current_session()
    session.pop(PENDING_LOGIN, None)
    return clear_site_data(redirect(url_for("auth.show_login")))


def end_current_session() -> None:
    """End this browser's login session, if there is one, and empty its cookie."""
    if current_user.is_authenticated:
        log_out(current_user)
    session.clear()


@bp.get("/accounts/password_reset/")
def show_reset() -> str:
    return render_template("auth/password_reset.html", form=ResetForm())


@bp.post("/accounts/password_reset/")
@limit("request_reset")
def submit_reset() -> str | Response:
    """Send a reset link. The answer is the same whether or not there is such an account."""
    form = ResetForm(request.form)
    if form.validate():
        request_reset(form.email.data or "")
        return redirect(url_for("auth.show_reset_sent"))
    return render_template("auth/password_reset.html", form=form)


@bp.get("/accounts/password_reset/done/")
def show_reset_sent() -> str:
    return render_template("auth/password_reset_done.html")


@bp.errorhandler(InvalidResetLink)
def show_invalid_link(_error: InvalidResetLink) -> str:
    return render_template("auth/reset_link_invalid.html")


@bp.get("/accounts/reset/<id:user_id>/<token>/")
def show_reset_link(user_id: int, token: str) -> Response:
    """Move the token out of the URL, which other sites could see, and go on. A GET changes nothing."""
    find_by_reset_token(user_id, token)
    session[RESET_TOKEN] = token
    return redirect(url_for("auth.show_new_password", user_id=user_id))


@bp.get("/accounts/reset/<id:user_id>/set-password/")
def show_new_password(user_id: int) -> str:
    user = find_by_reset_token(user_id, session.get(RESET_TOKEN, ""))
    return render_template("auth/new_password.html", form=NewPasswordForm(), user=user, hint=password_hint())


@bp.post("/accounts/reset/<id:user_id>/set-password/")
def submit_new_password(user_id: int) -> str | Response:
    """Set the new password. The visitor still has to log in with it."""
    token = session.get(RESET_TOKEN, "")
    user = find_by_reset_token(user_id, token)
    form = NewPasswordForm(request.form, partial(find_problems, username=user.username, email=user.email))
    if form.validate():
        reset_password(user_id, token, form.new_password1.data or "")
        session.pop(RESET_TOKEN)
        return redirect(url_for("auth.show_reset_complete"))
    return render_template("auth/new_password.html", form=form, user=user, hint=password_hint())


@bp.get("/accounts/reset/done/")
def show_reset_complete() -> str:
    return render_template("auth/password_reset_complete.html")


def require_confirmation(action: str | Callable[[], str]) -> ResponseReturnValue | None:
    """Admit a form of SENSITIVE in app.py if the password was given lately, or comes with the form; else ask for it.

    The page carries the form as it was sent. The password goes to the same URL together with it, so nothing has to be
    stored. The page says what it will go on with: `action`, which has no text of a visitor.
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
