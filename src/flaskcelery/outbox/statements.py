"""The statements of a delivery, built once: building one takes longer than running it."""

import os
from typing import Any

from sqlalchemy import BindParameter, Executable, Row, bindparam, case, select, update

from flaskcelery.database import db, now_plus, pause
from flaskcelery.outbox.models import OutboxRow, OutboxTotal, is_claimable

MAX_PATIENCE = 7 * 86400  # seconds; even a row that waits for an operator to fix the settings expires
TOTAL_PARTS = 8  # as many as the migration creates

_reason: BindParameter[str] = bindparam("reason")
_is_empty: BindParameter[bool] = bindparam("is_empty")
_row = OutboxRow.id == bindparam("row_id")

DOMAIN = select(OutboxRow.domain).where(_row)

_free = select(OutboxRow.id).where(_row, is_claimable()).with_for_update(skip_locked=True)
CLAIM = (
    update(OutboxRow)
    .where(OutboxRow.id == _free.scalar_subquery())
    .values(attempts=OutboxRow.attempts + 1, due_at=now_plus("seconds"), progress=0)
    .returning(OutboxRow.task, OutboxRow.args, OutboxRow.attempts, OutboxRow.traceparent)
)

# The next due row of a row's domain, and how it moves to the back of the queue.
WAITING = (
    select(OutboxRow.id)
    .where(OutboxRow.domain == DOMAIN.scalar_subquery(), OutboxRow.domain != "", is_claimable())
    .order_by(OutboxRow.due_at)
    .limit(1)
)
_next = OutboxRow.id == WAITING.with_for_update(skip_locked=True).scalar_subquery()
MOVE_WAITING = update(OutboxRow).where(_next).values(due_at=now_plus()).returning(OutboxRow.task, OutboxRow.id)

# What a claim can record, as long as it holds.
_mine = update(OutboxRow).where(_row, OutboxRow.attempts == bindparam("attempt")).returning(OutboxRow.id)
LENGTHEN_LEASE = _mine.values(due_at=now_plus("seconds"))
_result = _mine.values(progress=None)  # no longer running
FINISH = _result.values(done_at=now_plus(), failed_at=None, error=None, sent_nothing=_is_empty)
FAIL = _result.values(failed_at=now_plus(), error=_reason)
KEEP_LEASE = _result.values(error=_reason)
POSTPONE = _result.values(due_at=now_plus("seconds"), error=_reason)
_is_young = OutboxRow.created_at > now_plus(-MAX_PATIENCE)
_extended = case((_is_young, now_plus("patience")), else_=OutboxRow.expires_at)
POSTPONE_AND_EXTEND = POSTPONE.values(expires_at=_extended)

_my_part = OutboxTotal.name == bindparam("counted"), OutboxTotal.part == bindparam("my_part")
ADD_TO_TOTAL = update(OutboxTotal).where(*_my_part).values(total=OutboxTotal.total + 1)


def count(total: str) -> dict[str, Any]:
    """Return the parameters of ADD_TO_TOTAL: a process has its own part of each total, so that none waits."""
    return {"counted": total, "my_part": os.getpid() % TOTAL_PARTS}


def execute_alone(statement: Executable, **values: object) -> Row[Any] | None:
    """Run a statement as a transaction of its own, without BEGIN and COMMIT; return its only row, or None."""
    pause()
    session = db.session()
    is_sqlite = db.engine.dialect.name == "sqlite"  # its driver commits each statement unless we say BEGIN
    options = {"sqlite_begin": ""} if is_sqlite else {"isolation_level": "AUTOCOMMIT"}
    row = session.connection(execution_options=options).execute(statement, values).one_or_none()
    session.commit()
    return row
