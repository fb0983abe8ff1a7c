"""`flask users import-django`: accounts from a Django application."""

import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any

import click
from flask.cli import with_appcontext

from flaskcelery.database import transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.signup.tasks import send_welcome_email
from flaskcelery.users.django_import import AlreadyThere, add_user, name_of, read_dump
from flaskcelery.users.tokens import timestamp

BATCH = 200  # accounts in one transaction


@click.command("import-django")
@click.argument("file", type=click.File("rb"))
@click.option("--welcome", is_flag=True, help="Send each new account a welcome email, with a confirmation link.")
@with_appcontext
def import_django(file: IO[bytes], welcome: bool) -> None:
    """Import the accounts of FILE, the JSON of `manage.py dumpdata` (- reads standard input).

    Passwords keep working. Existing accounts are left alone, so the command can be repeated. The exit code is 1 if an
    account was skipped:
    flask users import-django dump.json
    """
    entries = read_dump(file)
    added, there, skipped = 0, 0, []
    results = import_all(entries, welcome)
    with click.progressbar(results, len(entries), "Importing", file=sys.stderr) as shown:
        for name, error in shown:
            if error is None:
                added += 1
            elif isinstance(error, AlreadyThere):
                there += 1
            else:
                skipped.append(f"Skipped {name}: {error}")
    for line in skipped:
        click.echo(line)
    click.echo(f"{added} added, {there} already there, {len(skipped)} skipped")
    if skipped:
        raise SystemExit(1)


def import_all(entries: Sequence[dict[str, Any]], welcome: bool) -> Iterator[tuple[str, UserFacingError | None]]:
    """Add the accounts, a batch in each transaction; yield each one's name and, if it was not added, the reason."""
    made_at = timestamp() if welcome else None
    for start in range(0, len(entries), BATCH):
        with transaction():
            batch = [(name_of(entry), import_one(entry, made_at)) for entry in entries[start : start + BATCH]]
        yield from batch


def import_one(entry: dict[str, Any], made_at: int | None) -> UserFacingError | None:
    """Add one account, with a welcome email if there is a time for its link; return why it was not added."""
    try:
        user = add_user(entry)
    except UserFacingError as error:
        return error
    if made_at:
        send_welcome_email.enqueue(to=user.email, user_id=user.id, made_at=made_at)
    return None
