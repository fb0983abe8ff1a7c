"""Whether this process can serve visitors."""

import functools
import logging
from dataclasses import asdict, dataclass

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from flaskcelery.config.settings import MIGRATIONS
from flaskcelery.database import db
from flaskcelery.outbox.publisher import BrokerAway, Publisher
from flaskcelery.outbox.queries import find_oldest_pending

logger = logging.getLogger(__name__)


@dataclass
class Readiness:
    """Whether visitors can be served: then `problem` is empty. Without the broker they can; emails are only later."""

    problem: str = ""
    broker: str = "up"
    oldest_pending_seconds: float | None = None

    def as_dict(self) -> dict[str, object]:
        return {"ready": not self.problem, **asdict(self)}


def check_readiness() -> Readiness:
    """Ask the database for its migrations and the oldest pending row, then the broker for its queue."""
    found = Readiness()
    try:
        if current_heads() != latest_heads():
            found.problem = "the database's tables are not this release's: flask db upgrade"
        else:
            age = find_oldest_pending()
            found.oldest_pending_seconds = age.total_seconds() if age else None
    except SQLAlchemyError as error:
        found.problem = "the database does not answer"
        logger.warning("Not ready: %s", type(error).__name__)
    publisher: Publisher = current_app.extensions["publisher"]
    try:
        publisher.count_waiting()
    except BrokerAway:
        found.broker = "away"
    return found


def current_heads() -> set[str]:
    """Return the migrations that the database has had last."""
    return set(MigrationContext.configure(db.session.connection()).get_current_heads())


@functools.cache
def latest_heads() -> set[str]:
    """Return the last migrations of this release."""
    return set(ScriptDirectory(str(MIGRATIONS)).get_heads())
