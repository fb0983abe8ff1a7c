"""Error pages. They reveal nothing internal and never touch the database."""

import logging
import math

from flask import Flask, Response, current_app, make_response, request, session
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import Forbidden, HTTPException, SecurityError, ServiceUnavailable, TooManyRequests

from flaskcelery.errors import TooBusy, explain

logger = logging.getLogger(__name__)

MESSAGES = {
    400: ("Bad request", "Your browser sent something that we could not read. Please go back and try again."),
    403: ("Not allowed", "You don’t have access to this page."),
    404: ("Page not found", "This page doesn’t exist. The link may be old or mistyped."),
    405: ("Not possible", "This page doesn’t support that action. Please use the buttons on our pages."),
    413: ("Too much data", "What you sent is larger than we accept. Please go back and shorten it."),
    429: ("Too many attempts", "Please wait a moment, then try again."),
    500: ("Something went wrong", "This is our fault, and we have recorded it. Please try again in a moment."),
    503: ("Back in a moment", "We can’t answer right now. Please try again in a minute."),
}
CSRF_MESSAGE = (
    "This form has expired",
    "Please open the form again and send it once more. Your browser must allow cookies.",
)
LOST = "The database did not answer"
RETRY_AFTER, RETRY_FORM_AFTER = 30, 5  # seconds


class NoAccess(Forbidden):
    """403 for somebody who is logged in; the page says as whom."""

    def __init__(self, username: str) -> None:
        super().__init__()
        self.sentence = f"You’re logged in as {username}. This account doesn’t have access to this page."


class NoDatabase(ServiceUnavailable):
    """503 as long as the database does not answer; in development, the page says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(retry_after=RETRY_AFTER)
        self.sentence = f"{reason}." if current_app.debug else MESSAGES[503][1]


class FormWaits(ServiceUnavailable):
    """503 for a form that changed nothing. A reload sends it again."""

    sentence = "Too many people need us right now. Reload this page in a moment to send what you typed again."


def render_error_pages() -> dict[int, str]:
    """Return the page of each code, for nginx to serve when no process answers."""
    with current_app.test_request_context(base_url=current_app.config["PUBLIC_URL"] or None):
        return {code: _render(code, *message, has_session=None) for code, message in MESSAGES.items()}


def init_error_pages(app: Flask) -> None:
    """Give `app` a page for every HTTP error, and turn a lost database or too many password hashes into 503."""
    app.register_error_handler(HTTPException, _show)
    # InternalError comes from a standby that is still read-only.
    for kind in (OperationalError, InterfaceError, InternalError, PoolTimeoutError):
        app.register_error_handler(kind, _show_no_database)
    app.register_error_handler(TooBusy, _show_busy)


def _show(error: HTTPException) -> Response:
    if isinstance(error, SecurityError):  # not our host: no page of ours can be linked
        return Response(MESSAGES[400][1], 400, mimetype="text/plain")
    response = make_response(error.get_response())
    if error.code is None or error.code < 400:  # noqa: PLR2004  a redirect
        return response
    message = MESSAGES.get(error.code) or MESSAGES[400 if error.code < 500 else 500]  # noqa: PLR2004
    title, sentence = CSRF_MESSAGE if isinstance(error, CSRFError) else message
    if isinstance(error, TooManyRequests) and isinstance(error.retry_after, int):
        sentence = f"Try again in {_describe_wait(error.retry_after)}."
    sentence = error.sentence if isinstance(error, NoAccess | NoDatabase | FormWaits) else sentence
    # The cookie alone says whether somebody is logged in: to ask the database is out of the question.
    response.set_data(_render(error.code, title, sentence, has_session="_user_id" in session))
    return response


def _describe_wait(seconds: int) -> str:
    """Return a time to wait, rounded up to whole minutes."""
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes <= 1 else f"{minutes} minutes"


def _render(code: int, title: str, sentence: str, *, has_session: bool | None) -> str:
    """Render a page; `has_session` is None where nobody knows the visitor."""
    adapter = current_app.create_url_adapter(request)
    back = request.path if request.method == "POST" and adapter and adapter.test(request.path, "GET") else ""
    names = {"code": code, "title": title, "sentence": sentence, "has_session": has_session, "back": back}
    # Without context processors, which render_template() calls: they can ask the database.
    return current_app.jinja_env.get_template("error.html").render(names)


def _show_no_database(error: SQLAlchemyError) -> Response:
    reason = explain(error, LOST)
    if current_app.debug and reason != LOST:  # a developer reads what to do; a traceback would hide it
        logger.error("%s (%s)", reason, str(getattr(error, "orig", "")).partition("\n")[0])
    else:
        logger.error(reason, exc_info=error)
    return _show(NoDatabase(reason))


def _show_busy(error: TooBusy) -> Response:
    logger.warning("A request waited too long: %s", error)
    return _show(FormWaits(retry_after=RETRY_FORM_AFTER))
