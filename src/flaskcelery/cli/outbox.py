"""`flask outbox ...`: inspect, retry, relay and purge outgoing emails and jobs."""

import uuid

import click

from flaskcelery.admin.operations import retry_failed, retry_row
from flaskcelery.cli.output import Group, json_option, limit_option, pick, show_row, show_rows
from flaskcelery.database import db, transaction
from flaskcelery.outbox import queries
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.relay import relay_once, run_forever
from flaskcelery.outbox.schedule import SCHEDULES, list_schedules
from flaskcelery.retention import purge_some

commands = Group("outbox", help="Outgoing emails and jobs: inspect, retry, relay, purge.")


@commands.command()
@json_option
def status(as_json: bool) -> None:
    """Count the rows in each state and show the age of the oldest pending one: flask outbox status --json

    The totals (sent, retried, late results) include rows that have been purged since; the states do not.
    """
    totals = queries.read_totals()
    show_row({**queries.count_states(), "oldest": queries.find_oldest_pending(), **totals}, as_json)


@commands.command("list")
@click.option(
    "--state", type=click.Choice(["pending", "due", "running", "failed", "done"]), default="pending", show_default=True
)
@limit_option
@json_option
def show_list(state: str, limit: int, as_json: bool) -> None:
    """List rows in one state, newest first: flask outbox list --state failed"""
    rows = queries.find_rows(queries.states()[state], limit)
    show_rows([pick(row, "id", "task", "user_id", "attempts", "due_at", "error") for row in rows], as_json)


@commands.command()
@click.argument("row_id", type=click.UUID)
@json_option
def show(row_id: uuid.UUID, as_json: bool) -> None:
    """Show every column of one row: flask outbox show 3fa85f64-5717-4562-b3fc-2c963f66afa6"""
    row = db.session.get(OutboxRow, row_id)
    if row is None:
        raise click.ClickException("No row has this id.")
    show_row(pick(row, *OutboxRow.__table__.columns.keys()), as_json)


@commands.command()
@click.argument("row_id", type=click.UUID, required=False)
@click.option("--all-failed", is_flag=True, help="Every failed row.")
def retry(row_id: uuid.UUID | None, all_failed: bool) -> None:
    """Retry all failed rows, or one row that has failed or waits: flask outbox retry --all-failed"""
    if (row_id is None) != all_failed:
        raise click.UsageError("Give either a row's id or --all-failed.")
    count = int(retry_row(row_id)) if row_id else retry_failed()
    if row_id and not count:
        raise click.ClickException("No failed or waiting row has this id.")
    click.echo(f"Retrying: {count}")


@commands.command()
def release() -> None:
    """Restart, at once, the jobs whose workers are gone: flask outbox release"""
    if count := queries.release_jobs():
        click.echo(f"Released: {count}")


@commands.command()
@click.option("--every", type=click.FloatRange(min=0.1), help="Repeat, pausing this many seconds between passes.")
def relay(every: float | None) -> None:
    """Publish or send overdue rows, once or in a loop: flask outbox relay --every 5"""
    if every is None:
        relay_once(period=0)
    else:
        run_forever(every)


@commands.command()
@click.argument("task")
def enqueue(task: str) -> None:
    """Run a recurring task now: flask outbox enqueue send_reports"""
    if task not in SCHEDULES:
        raise click.ClickException(f"No recurring task has this name. There are: {', '.join(SCHEDULES) or 'none'}")
    with transaction():
        row = SCHEDULES[task].task.enqueue()
    click.echo(f"Enqueued: {row.id}")


@commands.command()
@json_option
def schedule(as_json: bool) -> None:
    """List the recurring tasks with their last row and their next time (UTC): flask outbox schedule"""
    show_rows(list_schedules(), as_json)


@commands.command()
def purge() -> None:
    """Delete what is past its retention: done rows, ended sessions, audit events: flask outbox purge"""
    total = 0
    while count := purge_some():
        total += count
    click.echo(f"Deleted: {total}")
