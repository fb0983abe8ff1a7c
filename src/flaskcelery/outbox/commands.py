"""`flask outbox ...`: what an operator does with owed work."""

import click
from flask.cli import AppGroup

from flaskcelery.outbox.relay import relay_once, run_for_ever

commands = AppGroup("outbox", help="Work that is owed: mails on their way.")


@commands.command()
@click.option("--every", type=click.FloatRange(min=0.1), help="Loop, with so many seconds between two passes.")
def relay(every: float | None) -> None:
    """Pass on what is still owed: one pass, or a loop with --every 5."""
    if every is None:
        relay_once(period=0)
    else:
        run_for_ever(every)
