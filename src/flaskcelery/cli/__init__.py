"""The `flask` command's groups."""

from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from flaskcelery.cli import dev
from flaskcelery.cli.check import check, show_config
from flaskcelery.cli.import_django import import_django
from flaskcelery.cli.mail import commands as mail
from flaskcelery.cli.outbox import commands as outbox
from flaskcelery.cli.sessions import commands as sessions
from flaskcelery.cli.users import commands as users
from flaskcelery.web.error_pages import render_error_pages
from flaskcelery.web.static_files import collect_static_files, write_whole

static = AppGroup("static", help="What nginx serves by itself.")


def init_cli(app: Flask) -> None:
    """Add the project's commands to `flask`."""
    users.add_command(import_django)
    for command in (users, sessions, outbox, mail, check, show_config, static, run_dev):
        app.cli.add_command(command)


@click.command("dev")
def run_dev() -> None:
    """Prepare the database, then run web, worker and relay together until Ctrl-C."""
    raise SystemExit(dev.run(current_app.config["PORT"]))


@static.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def collect(folder: Path) -> None:
    """Write the static files and nginx's error pages: flask static collect FOLDER"""
    written = collect_static_files(folder)
    for code, page in render_error_pages().items():
        write_whole(folder / "errors" / f"{code}.html", page.encode())
    click.echo(f"{len(written)} files and {folder / 'errors'}")
