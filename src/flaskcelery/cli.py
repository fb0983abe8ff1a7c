"""The `flask` command's groups."""

import click
from flask import Flask, current_app

from flaskcelery import dev
from flaskcelery.outbox.commands import commands as outbox
from flaskcelery.signup.commands import import_django
from flaskcelery.users.commands import commands as users


def init_cli(app: Flask) -> None:
    """Add the project's commands to `flask`."""
    app.cli.add_command(outbox)
    app.cli.add_command(users)
    users.add_command(import_django)
    app.cli.add_command(run_dev)


@click.command("dev")
def run_dev() -> None:
    """Prepare the database, then run web, worker and relay together until Ctrl-C."""
    raise SystemExit(dev.run(current_app.config["PORT"]))
