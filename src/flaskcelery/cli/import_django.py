"""Accounts that come from elsewhere, by `flask users import-django`."""

import sys
from typing import IO

import click
from flask.cli import with_appcontext

from flaskcelery.database import db
from flaskcelery.signup.tasks import send_welcome_email
from flaskcelery.users.django_import import AlreadyThere, BadDump, import_users, read_dump
from flaskcelery.users.tokens import database_now


@click.command("import-django")
@click.argument("file", type=click.File("rb"))
@click.option("--welcome", is_flag=True, help="Owe each new account a welcome mail, with a link that confirms it.")
@with_appcontext
def import_django(file: IO[bytes], welcome: bool) -> None:
    """Add the accounts of FILE, the JSON of `manage.py dumpdata` (- reads it from a pipe).

    Passwords keep working; what is there already is left alone, so the command may be run again:
    flask users import-django dump.json
    """
    try:
        entries = read_dump(file)
    except BadDump as error:
        raise click.ClickException(str(error)) from None
    made_at = int(database_now().timestamp())
    db.session.rollback()

    def welcome_later(user_id: int) -> object:
        return send_welcome_email.enqueue(user_id=user_id, made_at=made_at)

    added = there = 0
    skipped: list[str] = []
    outcomes = import_users(entries, welcome_later if welcome else None)
    with click.progressbar(outcomes, length=len(entries), label="Importing", file=sys.stderr) as shown:
        for name, problem in shown:
            if problem is None:
                added += 1
            elif isinstance(problem, AlreadyThere):
                there += 1
            else:
                skipped.append(f"Skipped {name}: {problem}")
    for line in skipped:
        click.echo(line)
    click.echo(f"{added} added, {there} already there, {len(skipped)} skipped")
