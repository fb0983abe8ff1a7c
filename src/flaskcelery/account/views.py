"""My account; whoever comes here is logged in (see GUARDS in app.py)."""

from typing import cast

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user, login_user
from werkzeug.wrappers import Response

from flaskcelery.account.password_forms import ChangePasswordForm
from flaskcelery.account.password_operations import WrongOldPassword, change_password
from flaskcelery.users.models import User
from flaskcelery.users.password_rules import password_help

bp = Blueprint("account", __name__, template_folder="templates")


@bp.get("/accounts/me/")
def show() -> str:
    """Show the account."""
    return render_template("account/account.html")


@bp.get("/accounts/password_change/")
def show_password_change() -> str:
    """Show the empty form."""
    return _render_password_change(ChangePasswordForm(_me()))


@bp.post("/accounts/password_change/")
def submit_password_change() -> str | Response:
    """Change the password and stay logged in, in this browser alone."""
    user, form = _me(), ChangePasswordForm(_me(), request.form)
    if not form.validate():
        return _render_password_change(form)
    try:
        change_password(user, form.old_password.data or "", form.new_password1.data or "")
    except WrongOldPassword as refusal:
        form.old_password.errors = [str(refusal)]
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
