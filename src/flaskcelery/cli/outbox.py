"""`flask outbox ...`: what an operator does with owed work."""

import uuid

import click
from flask.cli import AppGroup

from flaskcelery.cli.output import json_option, show_row, show_rows
from flaskcelery.database import db
from flaskcelery.outbox import queries as operations
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.relay import relay_once, run_for_ever
from flaskcelery.retention import purge_some

commands = AppGroup("outbox", help="Work that is owed: mails on their way.")


@commands.command()
@json_option
def status(as_json: bool) -> None:
    """Count the rows in each state and tell the age of the oldest owed one: flask outbox status --json

    Sent, retried and late marks are counted since the beginning, the states among what is kept.
    """
    totals = operations.read_totals()
    show_row({**operations.count_states(), "oldest": operations.find_oldest_pending(), **totals}, as_json)


@commands.command("list")
@click.option("--state", type=click.Choice(["pending", "due", "failed", "done"]), default="pending", show_default=True)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@json_option
def show_list(state: str, limit: int, as_json: bool) -> None:
    """List rows of one state, the newest first: flask outbox list --state failed"""
    names = ("id", "task", "user_id", "attempts", "due_at", "error")
    show_rows([{name: getattr(row, name) for name in names} for row in operations.find_rows(state, limit)], as_json)


@commands.command()
@click.argument("row_id", type=click.UUID)
@json_option
def show(row_id: uuid.UUID, as_json: bool) -> None:
    """Show all of one row: flask outbox show 3fa85f64-5717-4562-b3fc-2c963f66afa6"""
    row = db.session.get(OutboxRow, row_id)
    if row is None:
        raise click.ClickException("there is no such row")
    show_row({column.name: getattr(row, column.name) for column in OutboxRow.__table__.columns}, as_json)


@commands.command()
@click.argument("row_id", type=click.UUID, required=False)
@click.option("--all-failed", is_flag=True, help="Every failed row.")
def retry(row_id: uuid.UUID | None, all_failed: bool) -> None:
    """Make a failed row owed again: by its id, or all: flask outbox retry --all-failed"""
    if (row_id is None) != all_failed:
        raise click.UsageError("name one row, or say --all-failed")
    count = operations.retry(row_id)
    if row_id and not count:
        raise click.ClickException("there is no such failed row")
    click.echo(f"{count} to be tried again")


@commands.command()
@click.option("--every", type=click.FloatRange(min=0.1), help="Loop, with so many seconds between two passes.")
def relay(every: float | None) -> None:
    """Pass on what is still owed: one pass, or a loop: flask outbox relay --every 5"""
    if every is None:
        relay_once(period=0)
    else:
        run_for_ever(every)


@commands.command()
def purge() -> None:
    """Delete all that has been kept for long enough: done rows, ended sessions, old events: flask outbox purge"""
    total = 0
    while count := purge_some():
        total += count
    click.echo(f"{total} deleted")
