"""Log lines: one format for each kind of machine, and what is never in them."""

import json
import logging
import sys

from flask import Flask

from flaskcelery.logs import READABLE, JsonLines, Lines, about_row
from tests.conftest import Browser

TOKEN = "6abc-" + "5ec" * 21 + "a"


def line(message: str, formatter: logging.Formatter | None = None, failure: bool = False) -> str:
    """Return the line of a record."""
    handler = Lines()
    handler.setFormatter(formatter or JsonLines())
    record = logging.LogRecord(
        "flaskcelery.x", logging.INFO, "x.py", 1, message, None, sys.exc_info() if failure else None
    )
    return handler.format(record)


def test_a_line_of_production_is_one_json_object_that_names_request_and_row(app: Flask) -> None:
    with app.test_request_context(headers={"X-Request-ID": "abc123"}), about_row(7):
        text = line('two\nlines and "quotes"')
    assert "\n" not in text
    found = json.loads(text)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "INFO",
        "logger": "flaskcelery.x",
        "message": 'two\nlines and "quotes"',
        "request_id": "abc123",
        "row_id": "7",
    }
    assert {"request_id", "row_id"}.isdisjoint(json.loads(line("outside")))


def test_no_line_holds_a_links_token_not_even_a_traceback() -> None:
    try:
        int(f"/accounts/reset/7/{TOKEN}/")
    except ValueError:
        text = line(f"Exception on /accounts/reset/7/{TOKEN}/", failure=True)
    readable = line(f"GET /accounts/reset/7/{TOKEN}/", logging.Formatter(READABLE, style="{"))
    assert "ValueError" in text
    assert "5ec5ec" not in text + readable
    assert readable.endswith("GET /accounts/reset/7/.../")


def test_what_is_owed_is_tied_to_its_request_in_one_line(app: Flask, auth: Browser, caplog: object) -> None:
    auth.client.get("/accounts/signup/")
    auth.client.environ_base["HTTP_X_REQUEST_ID"] = "abc123"
    auth.sign_up()
    [line] = [m for m in caplog.messages if m.startswith("Enqueued: ")]  # type: ignore[attr-defined]
    assert line.endswith("(send_welcome_email) for user 1, request abc123")
