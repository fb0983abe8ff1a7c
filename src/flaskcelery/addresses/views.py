"""The pages to which links in mails lead. Showing one changes nothing: mail programs open links unasked."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from flaskcelery.addresses.forms import ResendForm
from flaskcelery.addresses.operations import EmailGone, InvalidLink, ask_confirmation, find_account, follow_link
from flaskcelery.web.rate_limits import limit
from flaskcelery.web.security import MAX_ID, safe_next

bp = Blueprint("addresses", __name__, template_folder="templates")

LINK = f"/accounts/email/<any(confirm, change, undo):step>/<int(max={MAX_ID}):user_id>/<token>/"
DONE = {
    "confirm": "Thank you, your address is confirmed.",
    "change": "Your address is changed. Other devices have been logged out.",
    "undo": "You have your old address back, and every device has been logged out. "
    "Please reset your password now: somebody else may know it.",
}
ASKED = "If this address waits to be confirmed, a new link is on its way to it. Please look for it in a few minutes."


@bp.get(LINK)
def show_step(step: str, user_id: int, token: str) -> str:
    """Show what the link does and a button that does it."""
    try:
        user = find_account(step, user_id, token)
    except InvalidLink as error:
        return render_template("addresses/dead.html", step=step, sentence=str(error))
    return render_template(f"addresses/{step}.html", user=user)


@bp.post(LINK)
def submit_step(step: str, user_id: int, token: str) -> str | Response:
    """Do it, and go to the account page, or by the log-in page to it."""
    is_owner = current_user.is_authenticated and current_user.id == user_id
    try:
        follow_link(step, user_id, token, current_user.session_token if is_owner else None)
    except (InvalidLink, EmailGone) as error:
        return render_template("addresses/dead.html", step=step, sentence=str(error))
    flash(DONE[step], "success")
    return redirect(url_for("account.show"))


@bp.get("/accounts/email/resend/")
def show_resend() -> str:
    """Show the form."""
    return render_template("addresses/resend.html", form=ResendForm())


@bp.post("/accounts/email/resend/")
@limit("resend")
def submit_resend() -> str | Response:
    """Ask for a fresh link; the answer is the same for every address."""
    form = ResendForm(request.form)
    if not form.validate():
        return render_template("addresses/resend.html", form=form)
    ask_confirmation(form.email.data or "")
    flash(ASKED, "info")
    return redirect(safe_next(form.back.data or url_for("addresses.show_resend")))
