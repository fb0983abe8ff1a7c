"""The pages of my account. Visitors are logged in (see GUARDS in app.py)."""

from functools import partial
from typing import cast
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, session, stream_with_context, url_for
from flask_login import current_user, login_user
from werkzeug.wrappers import Response as AnyResponse

from flaskcelery.account import operations
from flaskcelery.account.forms import ChangePasswordForm, EmailForm, UsernameForm
from flaskcelery.database import db
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.tasks import title_of
from flaskcelery.users.accounts import must_have_totp
from flaskcelery.users.deletion import EmailJustChanged, close_account
from flaskcelery.users.devices import remember_device
from flaskcelery.users.email_change import can_undo, request_email_change
from flaskcelery.users.models import User
from flaskcelery.users.names import typed_email_key
from flaskcelery.users.password_policy import find_problems, password_hint
from flaskcelery.users.sessions import log_out_devices
from flaskcelery.users.tokens import LINK_DAYS
from flaskcelery.users.two_factor import count_codes
from flaskcelery.web.forms import Form, errors_shown
from flaskcelery.web.rate_limits import attempt, email_counted, limit
from flaskcelery.web.security import clear_site_data
from flaskcelery.web.urls import safe_next

bp = Blueprint("account", __name__, template_folder="templates")


@bp.get("/accounts/me/")
def show() -> str:
    me = _me()
    return render_template(
        "account/account.html",
        sessions=operations.list_sessions(me),
        emails=operations.list_emails(me),
        codes_left=count_codes(me.id) if me.totp_secret else 0,
        must_have_totp=must_have_totp(me),
    )


@bp.get("/accounts/me/username/")
def show_username() -> str:
    return render_template("account/username.html", form=UsernameForm())


@bp.post("/accounts/me/username/")
@limit("change_username")
def submit_username() -> str | AnyResponse:
    form = UsernameForm(request.form)
    if form.validate():
        with errors_shown(form):
            operations.change_username(_me(), form.username.data or "")
            return _go_back("Your username is changed.")
    return render_template("account/username.html", form=form)


@bp.get("/accounts/me/email/")
def show_email() -> str:
    return render_template("account/email.html", form=EmailForm(), link_days=LINK_DAYS)


@bp.post("/accounts/me/email/")
@limit("change_email")
def submit_email() -> str | AnyResponse:
    """Send a link to the new email. Nothing changes until somebody follows it."""
    form = EmailForm(request.form)
    if form.validate():
        with errors_shown(form), email_counted(typed_email_key(form.email.data or "")):
            request_email_change(_me(), form.email.data or "", form.is_mailbox_lost.data)
            return _go_back("We’ve sent a link to your new email. Open it to finish the change.")
    return render_template("account/email.html", form=form, link_days=LINK_DAYS)


@bp.post("/accounts/me/sessions/<id:session_id>/end/")
def submit_end_session(session_id: int) -> AnyResponse:
    """Log out one browser. A session that has already ended is ignored."""
    log_out_devices(current_user.id, only=session_id)
    return _go_back("That device is logged out.")


@bp.post("/accounts/me/sessions/end_others/")
def submit_end_others() -> AnyResponse:
    user = _me()
    log_out_devices(user.id, keep=user)
    login_user(user)  # its session has a new token
    return _go_back("All other devices are logged out.")


@bp.post("/accounts/me/export/")
@limit("export")
def submit_export() -> Response:
    text = stream_with_context(operations.export_account(_me()))
    headers = {"Content-Disposition": 'attachment; filename="account.json"', "Cache-Control": "no-store"}
    return Response(text, mimetype="application/json", headers=headers)


@bp.get("/accounts/me/jobs/<uuid:job_id>/")
def show_job(job_id: UUID) -> str:
    """Show how far a job is, with a link to the page that the query calls `next`."""
    job = db.first_or_404(OutboxRow.of(current_user.id).filter_by(id=job_id))
    return render_template("job.html", job=job, title=title_of(job.task), back=safe_next(request.args.get("next")))


@bp.get("/accounts/me/delete/")
def show_delete() -> str:
    return _show_delete(Form())


@bp.post("/accounts/me/delete/")
def submit_delete() -> str | AnyResponse:
    form = Form(request.form)
    if form.validate():
        with errors_shown(form):
            close_account(_me())
            session.clear()
            flash("Your account is deleted. Goodbye!", "success")
            return clear_site_data(redirect(url_for("home.show")))
    return _show_delete(form)


def _show_delete(form: Form) -> str:
    refusal = EmailJustChanged.message if can_undo(current_user) else ""
    return render_template("account/delete.html", form=form, refusal=refusal)


@bp.get("/accounts/password_change/")
def show_password_change() -> str:
    return render_template("account/password_change.html", form=ChangePasswordForm(), hint=password_hint())


@bp.post("/accounts/password_change/")
@limit("change_password")
def submit_password_change() -> str | AnyResponse:
    """Change the password. This browser alone stays logged in."""
    user = _me()
    form = ChangePasswordForm(request.form, partial(find_problems, username=user.username, email=user.email))
    if form.validate():
        with errors_shown(form), attempt("enter_password", account=user.id):
            operations.change_password(user, form.old_password.data or "", form.new_password1.data or "")
            login_user(user)  # its session has a new token
            remember_device(user)
            return _go_back("Your password was changed. Other devices have been logged out.")
    return render_template("account/password_change.html", form=form, hint=password_hint())


def _go_back(message: str) -> AnyResponse:
    flash(message, "success")
    return redirect(url_for("account.show"))


def _me() -> User:
    return cast("User", current_user._get_current_object())
