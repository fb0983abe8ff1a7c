"""My account; whoever comes here is logged in (see GUARDS in app.py)."""

from typing import cast

from flask import Blueprint, Response, flash, json, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user
from werkzeug.wrappers import Response as AnyResponse

from flaskcelery.account import operations
from flaskcelery.account.forms import EmailForm, PasswordForm, UsernameForm
from flaskcelery.account.overview import export_account, list_mails, list_sessions
from flaskcelery.account.password_forms import ChangePasswordForm
from flaskcelery.account.password_operations import WrongOldPassword, change_password
from flaskcelery.errors import UserFacingError
from flaskcelery.users.models import User
from flaskcelery.users.names import EmailTaken, UsernameTaken
from flaskcelery.users.password_policy import password_help
from flaskcelery.web.forms import add_errors
from flaskcelery.web.rate_limits import limit
from flaskcelery.web.security import MAX_ID

bp = Blueprint("account", __name__, template_folder="templates")
limit_password_guesses = limit("change_password", account=lambda: current_user.id)  # by who found a browser logged in


@bp.get("/accounts/me/")
def show() -> str:
    """Show the account."""
    return render_template("account/account.html", sessions=list_sessions(current_user), mails=list_mails(current_user))


@bp.get("/accounts/me/username/")
def show_username() -> str:
    """Show the form for another username."""
    return render_template("account/username.html", form=UsernameForm())


@bp.post("/accounts/me/username/")
def submit_username() -> str | AnyResponse:
    """Rename the account."""
    form = UsernameForm(request.form)
    if not form.validate():
        return render_template("account/username.html", form=form)
    try:
        operations.change_username(current_user, form.username.data or "")
    except UsernameTaken as error:
        add_errors(form, {"username": str(error)})
        return render_template("account/username.html", form=form)
    return _go_back("Your username is changed.")


@bp.get("/accounts/me/email/")
def show_email() -> str:
    """Show the form for another address."""
    return render_template("account/email.html", form=EmailForm())


@bp.post("/accounts/me/email/")
@limit_password_guesses
def submit_email() -> str | AnyResponse:
    """Mail a link to the new address; nothing changes before somebody follows it."""
    form = EmailForm(request.form)
    if not form.validate():
        return render_template("account/email.html", form=form)
    try:
        operations.ask_email_change(current_user, form.email.data or "", form.password.data or "")
    except UserFacingError as error:
        is_email = isinstance(error, EmailTaken | operations.SameEmail)
        add_errors(form, {"email" if is_email else "password": str(error)})
        return render_template("account/email.html", form=form)
    return _go_back("Please look into your new mailbox: the link that we sent there makes the change.")


@bp.post(f"/accounts/me/sessions/<int(max={MAX_ID}):session_id>/end/")
def submit_end_session(session_id: int) -> AnyResponse:
    """Log out one browser."""
    operations.end_session(current_user, session_id)
    return _go_back("That device is logged out.")


@bp.post("/accounts/me/sessions/end_others/")
def submit_end_others() -> AnyResponse:
    """Log out every other browser."""
    operations.end_other_sessions(current_user)
    return _go_back("All other devices are logged out.")


@bp.post("/accounts/me/export/")
def submit_export() -> Response:
    """Download all that is kept about the user."""
    text = json.dumps(export_account(current_user), indent=2, ensure_ascii=False, sort_keys=False)
    headers = {"Content-Disposition": 'attachment; filename="account.json"', "Cache-Control": "no-store"}
    return Response(text + "\n", mimetype="application/json", headers=headers)


@bp.get("/accounts/me/delete/")
def show_delete() -> str:
    """Show what goes with the account, and ask for the password."""
    return render_template("account/delete.html", form=PasswordForm())


@bp.post("/accounts/me/delete/")
@limit_password_guesses
def submit_delete() -> str | AnyResponse:
    """Close the account."""
    form = PasswordForm(request.form)
    if not form.validate():
        return render_template("account/delete.html", form=form)
    try:
        operations.close_account(current_user, form.password.data or "")
    except UserFacingError as error:
        add_errors(form, {"password": str(error)})
        return render_template("account/delete.html", form=form)
    session.clear()
    flash("Your account is deleted. Goodbye!", "success")
    return redirect(url_for("home.show"))


def _go_back(sentence: str) -> AnyResponse:
    flash(sentence, "success")
    return redirect(url_for("account.show"))


@bp.get("/accounts/password_change/")
def show_password_change() -> str:
    """Show the empty form."""
    return _render_password_change(ChangePasswordForm(_me()))


@bp.post("/accounts/password_change/")
@limit_password_guesses
def submit_password_change() -> str | AnyResponse:
    """Change the password and stay logged in, in this browser alone."""
    user, form = _me(), ChangePasswordForm(_me(), request.form)
    if not form.validate():
        return _render_password_change(form)
    try:
        change_password(user, form.old_password.data or "", form.new_password1.data or "")
    except WrongOldPassword as error:
        form.old_password.errors = [str(error)]
        return _render_password_change(form)
    login_user(user)  # its session has a new token
    return redirect(url_for("account.show_password_changed"))


@bp.get("/accounts/password_change/done/")
def show_password_changed() -> str:
    """Say that it is done."""
    return render_template("account/password_change_done.html")


def _render_password_change(form: ChangePasswordForm) -> str:
    return render_template("account/password_change.html", form=form, rules=password_help())


def _me() -> User:
    return cast("User", current_user._get_current_object())
