"""Every email of the application with sample data, at `/dev/emails/`."""

from email import message_from_bytes, policy

from flask import Blueprint, Response, abort, make_response, render_template

from flaskcelery.dev.operations import find_previews, render
from flaskcelery.mail.message import Message
from flaskcelery.outbox.tasks import TASKS
from flaskcelery.web.security import HEADERS

POLICY = "Content-Security-Policy"
# An email has inline styles: they are allowed here and nowhere else. Whatever else it had would do nothing.
EMAIL_HEADERS = {
    POLICY: "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox",
    "X-Frame-Options": "SAMEORIGIN",
}

bp = Blueprint("dev", __name__, template_folder="templates", url_prefix="/dev")


@bp.get("/emails/")
def show_emails() -> str:
    return render_template("dev/emails.html", previews=list(find_previews()))


@bp.get("/emails/<name>/<int:number>/")
def show_email(name: str, number: int) -> Response:
    message = _find(name, number)
    headers = message_from_bytes(message.as_bytes(), policy=policy.default).items()
    page = render_template("dev/email.html", name=name, number=number, message=message, headers=headers)
    response = make_response(page)
    response.headers[POLICY] = f"{HEADERS[POLICY]}; frame-src 'self'"
    return response


@bp.get("/emails/<name>/<int:number>/html")
def show_html(name: str, number: int) -> Response:
    response = make_response(_find(name, number).html)
    response.headers.update(EMAIL_HEADERS)
    return response


def _find(name: str, number: int) -> Message:
    is_known = name in TASKS and number < len(TASKS[name].samples)
    return (render(TASKS[name], number) if is_known else None) or abort(404)
