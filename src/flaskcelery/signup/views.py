"""The sign-up page."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from flaskcelery.signup.forms import SignUpForm
from flaskcelery.signup.operations import register
from flaskcelery.users.names import AccountTaken
from flaskcelery.web.forms import show_error
from flaskcelery.web.rate_limits import limit

bp = Blueprint("signup", __name__, template_folder="templates")


@bp.get("/accounts/signup/")
def show() -> str:
    return render_template("signup/signup.html", form=SignUpForm())


@bp.post("/accounts/signup/")
@limit("sign_up")
def submit() -> str | Response:
    """Open the account, or show the form again with what was typed and what is wrong."""
    form = SignUpForm(request.form)
    if not form.validate():
        return render_template("signup/signup.html", form=form)
    try:
        register(form.username.data or "", form.email.data or "", form.password1.data or "")
    except AccountTaken as error:
        show_error(form, error)
        return render_template("signup/signup.html", form=form)
    flash("Account successfully created!", "success")
    return redirect(url_for("auth.show_login"))
