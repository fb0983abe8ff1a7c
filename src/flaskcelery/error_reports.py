"""Errors for Sentry: where each one happened, and the ids that find its log lines. Nothing that a visitor sent."""

import logging
from typing import TYPE_CHECKING

import sentry_sdk

from flaskcelery.logs import current_ids

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint


class ErrorReports(logging.Handler):
    """Reports each ERROR of the log, and the exception that it is about."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("sentry_sdk"):
            return
        with sentry_sdk.new_scope() as scope:
            scope.set_tags({**current_ids(), "logger": record.name})
            if record.exc_info:
                sentry_sdk.capture_exception(record.exc_info)
            else:
                sentry_sdk.capture_message(str(record.msg), level="error")  # without its arguments


def init_error_reports(dsn: str, environment: str) -> None:
    """Report the errors of all loggers. The SDK's own integrations are off: they would send whole requests."""
    sentry_sdk.init(
        dsn,
        environment=environment,
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        max_breadcrumbs=0,
        before_send=_remove_messages,
    )
    logging.getLogger().addHandler(ErrorReports(logging.ERROR))


def _remove_messages(event: "Event", _hint: "Hint") -> "Event":
    """Keep an exception's type and stack. Its message can contain anything, such as a duplicate email."""
    for error in event.get("exception", {}).get("values", ()):
        error["value"] = ""
    return event
