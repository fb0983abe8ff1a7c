"""The pages that links in emails open. Showing one changes nothing: email programs open links unasked."""

from contextlib import nullcontext

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_user
from werkzeug.wrappers import Response

from flaskcelery.account.forms import PasswordForm, ResendForm
from flaskcelery.errors import UserFacingError, WrongPassword
from flaskcelery.users.accounts import LastStaff
from flaskcelery.users.email_change import request_confirmation
from flaskcelery.users.email_links import EmailGone, InvalidLink, find_linked_user, follow_link, needs_password
from flaskcelery.users.models import User
from flaskcelery.web.forms import Form
from flaskcelery.web.rate_limits import attempt, limit
from flaskcelery.web.urls import safe_next

bp = Blueprint("email_links", __name__, template_folder="templates")

LINK = "/accounts/email/<any(confirm, reject, change, undo, disown):action>/<id:user_id>/<token>/"
# The message, and the page to go to, after what a link does.
DONE = {
    "confirm": ("Thank you, your email is confirmed.", "account.show"),
    "reject": ("Thank you for telling us. The account is deleted.", "home.show"),
    "change": ("Your email is changed. Other devices have been logged out.", "account.show"),
    "undo": (
        "You have your old email back. Every device has been logged out, and your password no longer works, "
        "because somebody else may know it. We’ve sent you a link to choose a new one.",
        "auth.show_login",
    ),
    "disown": (
        "Every device has been logged out, and your password no longer works, because somebody else may know it. "
        "We’ve sent you a link to choose a new one.",
        "auth.show_login",
    ),
}
SENT = "If that email needs confirming, we’ve sent a new link. Look in spam too."


@bp.get(LINK)
def show(action: str, user_id: int, token: str) -> str:
    """Show what the link does, with a button that does it and, if it is needed, a field for the password."""
    return _show(action, find_linked_user(action, user_id, token))


@bp.post(LINK)
def submit(action: str, user_id: int, token: str) -> str | Response:
    """Do what the link allows, or show the form again."""
    user, owner = find_linked_user(action, user_id, token), _find_owner(user_id)
    form = _make_form(action, user)
    password = form.data.get("password")
    # Without a password there is none to be right: it must not reset the count of wrong ones.
    counted = nullcontext() if password is None else attempt("enter_password", account=user_id)
    if form.validate():
        try:
            with counted:
                follow_link(action, user_id, token, owner, password or "")
        except WrongPassword as error:
            form["password"].errors = [str(error)]
        else:
            if owner:
                login_user(owner)  # its session can have a new token
            message, page = DONE[action]
            flash(message, "success")
            return redirect(url_for(page))
    return _show(action, user, form)


def _show(action: str, user: User, form: Form | None = None) -> str:
    return render_template(f"account/email_links/{action}.html", user=user, form=form or _make_form(action, user))


def _make_form(action: str, user: User) -> Form:
    asks = needs_password(action, user, is_owner=_find_owner(user.id) is not None)
    return PasswordForm(request.form) if asks else Form(request.form)


def _find_owner(user_id: int) -> User | None:
    """Return the visitor if they are logged in to this account."""
    is_owner = current_user.is_authenticated and current_user.id == user_id
    return current_user._get_current_object() if is_owner else None


@bp.errorhandler(InvalidLink)
@bp.errorhandler(EmailGone)
@bp.errorhandler(LastStaff)
def show_invalid(error: UserFacingError) -> str:
    return render_template("account/email_links/invalid.html", message=str(error))


@bp.get("/accounts/email/resend/")
def show_resend() -> str:
    return render_template("account/email_links/resend.html", form=ResendForm())


@bp.post("/accounts/email/resend/")
@limit("resend")
def submit_resend() -> str | Response:
    """Request a new confirmation link. The answer is the same for every email."""
    form = ResendForm(request.form)
    if form.validate():
        request_confirmation(form.email.data or "")
        if not form.back.data:
            return redirect(url_for("email_links.show_resent"))
        flash(SENT, "info")
        return redirect(safe_next(form.back.data))
    return render_template("account/email_links/resend.html", form=form)


@bp.get("/accounts/email/resend/done/")
def show_resent() -> str:
    return render_template("account/email_links/resend_done.html", sent=SENT)
