"""The `flask` command's groups."""

import os
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from flaskcelery.cli.check import check, show_config
from flaskcelery.cli.dev import run_dev
from flaskcelery.cli.import_django import import_django
from flaskcelery.cli.mail import commands as mail
from flaskcelery.cli.outbox import commands as outbox
from flaskcelery.cli.sessions import commands as sessions
from flaskcelery.cli.users import commands as users
from flaskcelery.web.error_pages import render_error_pages

static = AppGroup("static", help="The files that nginx serves itself.")


def init_cli(app: Flask) -> None:
    users.add_command(import_django)
    for command in (users, sessions, outbox, mail, check, show_config, static, run_dev):
        app.cli.add_command(command)


@static.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def collect(folder: Path) -> None:
    """Write the static files and nginx's error pages: flask static collect FOLDER"""
    source = Path(current_app.static_folder or "")
    files = {path.relative_to(source): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    files |= {Path(f"errors/{code}.html"): page.encode() for code, page in render_error_pages().items()}
    for path, content in files.items():
        unfinished = folder / path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        unfinished.replace(folder / path)  # in one step, so that nginx never reads half of a file
    click.echo(f"{len(files)} files in {folder}")
