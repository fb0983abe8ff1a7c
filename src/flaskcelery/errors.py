"""Errors of all layers, above all the base class of every error whose message people see."""

import re

from sqlalchemy.exc import SQLAlchemyError

IS_MISSING = re.compile(r"no such (table|column): |has no column named |^Undefined(Table|Column)\b")  # SQLite; Postgres


class UserFacingError(Exception):
    """An error that a page or command shows as `message`, at the form field named `field` if it has one."""

    message = "This is not possible."
    field = ""

    def __init__(self, message: str = "", field: str = "") -> None:
        super().__init__(message or self.message)
        self.field = field or self.field
        self.errors = {self.field: str(self)}  # each message by its field; "" is the form as a whole


class WrongPassword(UserFacingError):
    """A password that does not match. `web.rate_limits.attempt` counts it."""

    message = "Your password was entered incorrectly. Please enter it again."
    field = "password"


class TooBusy(Exception):
    """This process has too much to do to begin in time. Nothing has happened: the same request can succeed soon."""


class TaskFailed(Exception):
    """A background task can never succeed, for the reason given: its row is failed, and not tried again."""


def explain(error: SQLAlchemyError, otherwise: str) -> str:
    """Return what to do about a table or column that the database lacks; `otherwise`, if that is not the error."""
    if IS_MISSING.search(repr(getattr(error, "orig", None))):
        return "A table or column is missing: run make migration if a model changed, then .venv/bin/flask db upgrade"
    return otherwise
