"""`flask sessions ...`: who is logged in where. WHO is an email or a username."""

import click
from sqlalchemy import select

from flaskcelery.cli.output import Group, json_option, limit_option, pick, show_rows
from flaskcelery.cli.users import find_user
from flaskcelery.database import db
from flaskcelery.users.models import LoginSession, User
from flaskcelery.users.sessions import is_live, log_out_devices

commands = Group("sessions", help="Logged-in browsers.")


@commands.command("list")
@click.argument("who", required=False)
@limit_option
@json_option
def show_list(who: str | None, limit: int, as_json: bool) -> None:
    """List live sessions, of one account or all, most recently seen first: flask sessions list ann@your.domain"""
    chosen = [is_live(), *([LoginSession.user_id == find_user(who).id] if who else [])]
    query = select(LoginSession, User.username).join(User).where(*chosen)
    found = db.session.execute(query.order_by(LoginSession.last_seen_at.desc()).limit(limit))
    names = ("created_at", "last_seen_at", "is_remembered", "ip_address", "device")
    show_rows([{"id": row.id, "username": name, **pick(row, *names)} for row, name in found], as_json)


@commands.command()
@click.argument("who")
@click.option("--id", "session_id", type=int, help="Only this one.")
def end(who: str, session_id: int | None) -> None:
    """Log an account out everywhere, at once: flask sessions end ann@your.domain"""
    count = log_out_devices(find_user(who).id, only=session_id)
    if session_id and not count:
        raise click.ClickException("The account has no such session.")
    click.echo(f"{count} ended")
