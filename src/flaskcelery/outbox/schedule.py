"""Recurring tasks: `@every("03:00")`. Relays enqueue each slot once, however many they are."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from sqlalchemy import select, update

from flaskcelery.database import database_now, db, transaction
from flaskcelery.outbox.models import OutboxRow, OutboxSchedule
from flaskcelery.outbox.tasks import OutboxTask, try_insert


@dataclass(frozen=True)
class Schedule:
    """When a task is enqueued: a cron expression in a time zone. A time at which it is due is a slot."""

    task: OutboxTask
    cron: str
    zone: ZoneInfo

    def find_next(self, after: datetime) -> datetime | None:
        """Return the first slot after a time, in UTC."""
        slots = (slot.astimezone(UTC) for slot in CronSim(self.cron, after.astimezone(self.zone)))
        # The first one can be too early when `after` is in the hour that is repeated at the end of summer time.
        return next((slot for slot in slots if slot > after), None)


SCHEDULES: dict[str, Schedule] = {}
CRON_FIELDS = 5


def every(when: str, zone: str = "UTC") -> Callable[[OutboxTask], OutboxTask]:
    """Enqueue a task at this time of each day, such as "03:00", or by this cron expression. Write it above `@task`."""
    time = re.fullmatch(r"(\d\d?):(\d\d)", when)
    cron = f"{int(time[2])} {int(time[1])} * * *" if time else when

    def register(task: OutboxTask) -> OutboxTask:
        if not isinstance(task, OutboxTask):
            raise TypeError("Write @every above @task.")
        if task.name in SCHEDULES:
            raise ValueError(f"{task.name} has two schedules")
        schedule = Schedule(task, cron, ZoneInfo(zone))
        try:
            first = schedule.find_next(datetime.now(UTC))
        except CronSimError:
            first = None
        if first is None or len(cron.split()) != CRON_FIELDS:  # the parser takes seconds, too
            raise ValueError(f"{task.name}: {when} is neither a time such as 03:00 nor a cron expression with a time")
        SCHEDULES[task.name] = schedule
        return task

    return register


def enqueue_scheduled() -> None:
    """Enqueue each task that has a slot since the last call; one that missed several is enqueued once."""
    if not SCHEDULES:
        return
    now, known = database_now(), find_known()
    for name, schedule in SCHEDULES.items():
        if name not in known:  # it begins now: earlier slots are not missed ones
            with transaction():
                try_insert(partial(db.session.add, OutboxSchedule(task=name, checked_at=now)))
        elif (slot := schedule.find_next(known[name])) and slot <= now:
            with transaction():
                if _advance(name, known[name], now):  # no other relay was faster
                    schedule.task.enqueue(once=f"{slot:%Y-%m-%dT%H:%MZ}")


def _advance(name: str, known: datetime, now: datetime) -> bool:
    mine = update(OutboxSchedule).where(OutboxSchedule.task == name, OutboxSchedule.checked_at == known)
    return db.session.scalar(mine.values(checked_at=now).returning(OutboxSchedule.task)) is not None


def find_known() -> dict[str, datetime]:
    """Return the time until which each task's slots are enqueued."""
    return {row.task: row.checked_at for row in db.session.scalars(select(OutboxSchedule))}


def list_schedules() -> list[dict[str, Any]]:
    """Return each schedule with its next slot, and with the time and the state of its last row, if that is kept."""
    now, known = database_now(), find_known()
    return [
        {"task": name, "cron": schedule.cron, "zone": schedule.zone.key, **_find_last(name)}
        | {"next": schedule.find_next(known.get(name, now))}
        for name, schedule in sorted(SCHEDULES.items())
    ]


def _find_last(name: str) -> dict[str, Any]:
    rows = select(OutboxRow).where(OutboxRow.task == name, OutboxRow.once.is_not(None))
    row = db.session.scalar(rows.order_by(OutboxRow.created_at.desc()).limit(1))
    return {"last": row and row.created_at, "state": row and row.state}
