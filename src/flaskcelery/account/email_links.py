"""The pages that links in emails open. Showing one changes nothing: email programs open links unasked."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from flaskcelery.account.forms import ResendForm
from flaskcelery.errors import UserFacingError
from flaskcelery.users.email_change import EmailGone, InvalidLink, find_linked_user, follow_link, request_confirmation
from flaskcelery.web.rate_limits import limit
from flaskcelery.web.urls import safe_next

bp = Blueprint("email_links", __name__, template_folder="templates")

LINK = "/accounts/email/<any(confirm, change, undo):action>/<id:user_id>/<token>/"
DONE = {
    "confirm": "Thank you, your email is confirmed.",
    "change": "Your email is changed. Other devices have been logged out.",
    "undo": "You have your old email back, and every device has been logged out. "
    "Please reset your password now: somebody else may know it.",
}
SENT = "If that email needs confirming, we’ve sent a new link. Please look for it in a few minutes."


@bp.get(LINK)
def show(action: str, user_id: int, token: str) -> str:
    """Show what the link does, with a button that does it."""
    return render_template(f"account/email_links/{action}.html", user=find_linked_user(action, user_id, token))


@bp.post(LINK)
def submit(action: str, user_id: int, token: str) -> Response:
    """Do what the link allows, then go to the account page, by way of the login page if need be."""
    is_owner = current_user.is_authenticated and current_user.id == user_id
    follow_link(action, user_id, token, keep=current_user.session_token if is_owner else None)
    flash(DONE[action], "success")
    return redirect(url_for("account.show"))


@bp.errorhandler(InvalidLink)
@bp.errorhandler(EmailGone)
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
        flash(SENT, "info")
        return redirect(safe_next(form.back.data or url_for("email_links.show_resend")))
    return render_template("account/email_links/resend.html", form=form)
