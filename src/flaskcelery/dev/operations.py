"""Rendering the emails of the application without sending them."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask import current_app

from flaskcelery.config.derived import JOBS_QUEUE
from flaskcelery.database import forget
from flaskcelery.mail.message import Message
from flaskcelery.outbox.tasks import TASKS, OutboxTask


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
