"""`flask check` and `flask config`: what is wrong with the settings and the machine they name, and what they are."""

import time
from pathlib import Path

import click
from flask import current_app
from sqlalchemy import func, select

from flaskcelery.cli.output import json_option, show_row, show_rows
from flaskcelery.config.checks import find_problems, list_all
from flaskcelery.config.derived import DATABASE_LIMITS
from flaskcelery.config.settings import SETTINGS, find_source, read_environ
from flaskcelery.database import db
from flaskcelery.extensions import mail
from flaskcelery.health.operations import check_readiness
from flaskcelery.mail.errors import MailError

BASE_IMAGE = Path("/base-image")  # as old as the image that the Dockerfile begins with
MAX_BASE_AGE = 60  # days


@click.command("check")
@click.option("--deploy", is_flag=True, help="Check as in production, and ask database, broker and mail server.")
def check(deploy: bool) -> None:
    """Print what is wrong with the settings: flask check --deploy

    Exits with 1 if the application should not start like this. Any command says why it cannot start at all.
    """
    environ = {**read_environ(), **({"APP_ENV": "production"} if deploy else {})}
    _, errors, warnings = find_problems(environ, is_strict=deploy)
    warnings += _find_missing() + _find_old_base() if deploy else []
    click.echo(list_all({"Errors:": errors, "Warnings:": warnings}) or "Nothing is wrong.")
    raise SystemExit(1 if errors else 0)


@click.command("config")
@json_option
def show_config(as_json: bool) -> None:
    """Print every setting, its value and where it comes from: flask config

    Secrets are masked; an empty value means "not set".
    """
    rows = []
    for setting in SETTINGS:
        value = current_app.config[setting.name]
        shown = "***" if setting.secret and value else value
        rows.append({"name": setting.name, "value": shown, "source": find_source(setting)})
    if as_json:
        show_rows(rows, as_json)
    else:
        show_row({row["name"]: f"{row['value']}  ({row['source']})".strip() for row in rows}, as_json)


def _find_missing() -> list[str]:
    """Return a sentence for each server that does not work at the moment."""
    readiness = check_readiness()
    found = [readiness.problem] if readiness.problem else _find_missing_limits()
    if readiness.broker != "up":
        found.append("the broker does not answer: sign-ups go on, their emails wait for the relay")
    try:
        with mail.connect():
            pass
    except MailError as error:
        found.append(f"the mail server cannot be used: {error}")
    return found


def _find_missing_limits() -> list[str]:
    """Return a sentence for each limit that a database lacks: behind PgBouncer, connections cannot ask for them."""
    if db.engine.dialect.name != "postgresql":
        return []
    return [
        f"the database has no {name}: ALTER ROLE {db.engine.url.username} SET {name} = {limit}"
        for name, limit in DATABASE_LIMITS.items()
        if db.session.scalar(select(func.current_setting(name))) == "0"
    ]


def _find_old_base() -> list[str]:
    """Return a sentence if the base image, and so its C libraries, are old; outside of a container, nothing."""
    days = (time.time() - BASE_IMAGE.stat().st_mtime) / 86400 if BASE_IMAGE.exists() else 0
    return [f"the base image is {days:.0f} days old: docker compose build --pull"] if days > MAX_BASE_AGE else []
