"""Every email of the application with sample data, at `/dev/emails/`, rendered without sending it."""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy

from flask import Blueprint, Response, abort, current_app, make_response, render_template

from flaskcelery.config.derived import JOBS_QUEUE
from flaskcelery.database import forget
from flaskcelery.mail.message import Message
from flaskcelery.outbox.tasks import TASKS, OutboxTask
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


@dataclass(frozen=True)
class Preview:
    """What a task makes of one of its samples: an email, or the reason why there is none."""

    task: OutboxTask
    number: int
    message: Message | None
    problem: str = ""


def render(task: OutboxTask, number: int) -> Message | None:
    """Return the task's email for the sample with this number, whose rows are not kept."""
    with current_app.app_context():  # a database session of its own
        try:
            return task(**task.samples[number]())
        finally:
            forget()


def find_previews() -> Iterator[Preview]:
    """Return every email of the application, and each task that has no sample and is no job."""
    for task in TASKS.values():
        if not task.samples and task.queue != JOBS_QUEUE:
            yield Preview(task, 0, None, f'There is no sample. Write @task("{task.name}", ..., samples=[...]).')
        for number in range(len(task.samples)):
            yield _preview(task, number)


def _preview(task: OutboxTask, number: int) -> Preview:
    try:
        message = render(task, number)
    except Exception as error:  # the list still shows the other emails, and this email's own page the traceback
        return Preview(task, number, None, f"{type(error).__name__}: {error}")
    return Preview(task, number, message, "" if message else "The task returns None for this sample.")
