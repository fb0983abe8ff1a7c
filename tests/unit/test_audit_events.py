"""The names of audit events fit the column. SQLite would take any length; Postgres answers with an error."""

from flaskcelery.audit.events import Event
from flaskcelery.audit.models import AuditEvent


def test_every_event_fits_its_column() -> None:
    assert max(map(len, Event)) <= AuditEvent.__table__.c.event.type.length
