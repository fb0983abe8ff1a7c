"""Audit events: their names, and the log line of each."""

import pytest
from flask import Flask

from flaskcelery.audit.events import Event, record
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import transaction


def test_every_event_fits_its_column() -> None:  # SQLite would take any length; Postgres answers with an error
    assert max(map(len, Event)) <= AuditEvent.__table__.c.event.type.length


@pytest.mark.parametrize(
    ("email", "line"),
    [
        ("alice@example.com", "row deleted by staff: user 7 a***@example.com from here, request none, note 3"),
        ("", "row deleted by staff: user 7 from here, request none, note 3"),
    ],
)
def test_the_log_line_of_an_event_has_single_spaces(
    app: Flask, caplog: pytest.LogCaptureFixture, email: str, line: str
) -> None:
    caplog.set_level("INFO")
    with app.app_context(), transaction():
        record(Event.ROW_DELETED, 7, email, "note 3")
    assert line in caplog.messages
