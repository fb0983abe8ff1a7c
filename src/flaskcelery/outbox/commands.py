"""`flask outbox ...`: what an operator does with owed work."""

import uuid

import click
from flask.cli import AppGroup

from flaskcelery.database import db
from flaskcelery.outbox import operations
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.relay import relay_once, run_for_ever
from flaskcelery.purging import purge_some

commands = AppGroup("outbox", help="Work that is owed: mails on their way.")


@commands.command()
def status() -> None:
    """Count the rows in each state and tell the age of the oldest owed one."""
    counts, oldest = operations.count_states()
    for state, count in counts.items():
        click.echo(f"{state:8}{count}")
    click.echo(f"oldest  {oldest.total_seconds():.0f} s" if oldest else "oldest  -")


@commands.command("list")
@click.option("--state", type=click.Choice(["owed", "due", "failed", "done"]), default="owed", show_default=True)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
def show_list(state: str, limit: int) -> None:
    """List rows of one state, the newest first: flask outbox list --state failed"""
    for row in operations.find_rows(state, limit):
        click.echo(f"{row.id}  {row.task}  attempts {row.attempts}  due {row.due_at:%F %T}  {row.error or ''}")


@commands.command()
@click.argument("row_id", type=click.UUID)
def show(row_id: uuid.UUID) -> None:
    """Show all of one row."""
    row = db.session.get(OutboxRow, row_id)
    if row is None:
        raise click.ClickException("there is no such row")
    for column in OutboxRow.__table__.columns:
        click.echo(f"{column.name:13}{getattr(row, column.name)}")


@commands.command()
@click.argument("row_id", type=click.UUID, required=False)
@click.option("--all-failed", is_flag=True, help="Every failed row.")
def retry(row_id: uuid.UUID | None, all_failed: bool) -> None:
    """Make a failed row owed again: by its id, or all with --all-failed."""
    if (row_id is None) != all_failed:
        raise click.UsageError("name one row, or say --all-failed")
    count = operations.retry(row_id)
    if row_id and not count:
        raise click.ClickException("there is no such failed row")
    click.echo(f"{count} to be tried again")


@commands.command()
@click.option("--every", type=click.FloatRange(min=0.1), help="Loop, with so many seconds between two passes.")
def relay(every: float | None) -> None:
    """Pass on what is still owed: one pass, or a loop with --every 5."""
    if every is None:
        relay_once(period=0)
    else:
        run_for_ever(every)


@commands.command()
def purge() -> None:
    """Delete all that has been kept for long enough: done rows, ended sessions, old events."""
    total = 0
    while count := purge_some():
        total += count
    click.echo(f"{total} deleted")
