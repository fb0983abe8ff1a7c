"""`flask users ...`: what an operator does with accounts. WHO is an email or a username."""

import os
from collections.abc import Callable
from typing import IO

import click
from sqlalchemy import or_, select

from flaskcelery.admin import operations as staff
from flaskcelery.cli.output import Group, json_option, limit_option, pick, show_row, show_rows
from flaskcelery.database import db
from flaskcelery.errors import UserFacingError
from flaskcelery.users.accounts import ROLES
from flaskcelery.users.deletion import delete_user
from flaskcelery.users.models import User
from flaskcelery.users.names import email_key, normalize_email, normalize_username, typed_email_key, username_key
from flaskcelery.users.password_change import set_password
from flaskcelery.users.password_policy import find_problems
from flaskcelery.users.passwords import hasher
from flaskcelery.users.two_factor import count_codes, encrypt_secrets

PASSWORD_VARIABLE = "FLASKCELERY_USER_PASSWORD"  # noqa: S105  a name
COLUMNS = ("id", "username", "email", "role", "state", "joined_at", "email_confirmed_at", "last_login_at")

noinput_option = click.option("--noinput", is_flag=True, help=f"Ask nothing; read the file or {PASSWORD_VARIABLE}.")
password_file_option = click.option("--password-file", type=click.File(), help="A file with the password; - is a pipe.")

commands = Group("users", help="Accounts. WHO is an email or a username.")


@commands.command()
@click.option("--username", envvar="FLASKCELERY_USER_USERNAME", show_envvar=True)
@click.option("--email", envvar="FLASKCELERY_USER_EMAIL", show_envvar=True)
@click.option("--staff", "is_staff", is_flag=True, help="A member of staff.")
@noinput_option
@password_file_option
def create(
    username: str | None, email: str | None, is_staff: bool, noinput: bool, password_file: IO[str] | None
) -> None:
    """Open an account: flask users create --staff

    Without a password, its owner is sent a link to choose one. In a script:

    flask users create --staff --noinput --username ann --email ann@your.domain --password-file - < FILE
    """
    if noinput and not (username and email):
        raise click.UsageError("--noinput needs --username and --email.")
    username = username or click.prompt("Username", value_proc=_checked(normalize_username))
    email = email or click.prompt("Email", value_proc=_checked(normalize_email))
    password = _read_password(noinput, password_file, username, email)
    password_hash = hasher().hash(password) if password else ""
    user = staff.create_user(username, email, "staff" if is_staff else "user", password_hash=password_hash)
    click.echo(f"{user.username} can log in." if password else f"{user.email} is sent a link to choose a password.")


@commands.command("set-password")
@click.argument("who")
@noinput_option
@password_file_option
def set_password_of(who: str, noinput: bool, password_file: IO[str] | None) -> None:
    """Give an account a new password, end its sessions, and tell its owner: flask users set-password ann@your.domain"""
    user = find_user(who)
    password = _read_password(noinput, password_file, user.username, user.email)
    if not password:
        raise click.UsageError("A password is needed.")
    set_password(user.id, password)
    click.echo(f"{user.username} has a new password.")


@commands.command("list")
@click.option("--role", type=click.Choice(list(ROLES)))
@click.option("--search", default="", help="A part of the email or username.")
@limit_option
@json_option
def show_list(role: str | None, search: str, limit: int, as_json: bool) -> None:
    """List accounts, newest first: flask users list --role staff --json"""
    email, name = typed_email_key(search) or search.lower(), username_key(search)
    chosen = [or_(User.email_key.contains(email, autoescape=True), User.username_key.contains(name, autoescape=True))]
    chosen += [getattr(User, name).is_(value) for name, value in ROLES[role].items()] if role else []
    users = db.session.scalars(select(User).where(*chosen).order_by(User.id.desc()).limit(limit))
    show_rows([pick(user, *COLUMNS) for user in users], as_json)


@commands.command()
@click.argument("who")
@json_option
def show(who: str, as_json: bool) -> None:
    """Show one account: flask users show ann@your.domain"""
    user = find_user(who)
    shown = pick(user, *COLUMNS, "devices_forgotten_at", "totp_enabled_at")
    show_row({**shown, "recovery_codes": count_codes(user.id)}, as_json)


@commands.command()
@click.argument("who")
def activate(who: str) -> None:
    """Let an account log in again: flask users activate ann@your.domain"""
    _do(who, "is active", staff.set_active, True)


@commands.command()
@click.argument("who")
def deactivate(who: str) -> None:
    """Lock an account out at once: flask users deactivate ann@your.domain"""
    _do(who, "is locked out", staff.set_active, False)


@commands.command("reset-factor")
@click.argument("who")
def reset_factor(who: str) -> None:
    """Remove an authenticator app that its owner has lost: flask users reset-factor ann@your.domain"""
    _do(who, "has no two-factor authentication any more", staff.reset_totp)


@commands.command("encrypt-secrets")
def encrypt_all_secrets() -> None:
    """Encrypt all TOTP secrets with SECRET_KEY, before a fallback is removed: flask users encrypt-secrets"""
    click.echo(f"{encrypt_secrets()} encrypted")


@commands.command()
@click.argument("who")
@click.option("--viewer", is_flag=True, help="Read-only: they see everything and change nothing.")
def promote(who: str, viewer: bool) -> None:
    """Make an account a member of staff: flask users promote ann@your.domain"""
    role = "viewer" if viewer else "staff"
    _do(who, f"is {role}, and has to log in again", staff.set_role, role)


@commands.command()
@click.argument("who")
def demote(who: str) -> None:
    """Take an account's role away: flask users demote ann@your.domain"""
    _do(who, "is an ordinary user, and has to log in again", staff.set_role, "user")


@commands.command()
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(who: str, yes: bool) -> None:
    """Delete an account and everything that belongs to it: flask users delete ann@your.domain"""
    if not yes:
        click.confirm(f"Delete {find_user(who).username} for good?", abort=True)
    _do(who, "is deleted", delete_user)


def find_user(who: str) -> User:
    """Return the account with this email or username; end the command with 1 if there is none."""
    # What looks like an email is one: somebody else could have chosen it as a username.
    key = typed_email_key(who) or email_key(who)  # the second finds an imported email that is invalid by our rules
    is_meant = User.email_key == key if "@" in who else User.username_key == username_key(who)
    user: User | None = db.session.scalar(select(User).where(is_meant))
    if user is None:
        raise click.ClickException("there is no such account")
    return user


def _do(who: str, outcome: str, operation: Callable[..., object], *args: object) -> None:
    user = find_user(who)
    operation(user.id, *args)
    click.echo(f"{user.username} {outcome}.")


def _checked(normalize: Callable[[str], str]) -> Callable[[str], str]:
    """Return a prompt's `value_proc` that shows the error and asks again."""

    def check(text: str) -> str:
        try:
            return normalize(text)
        except UserFacingError as error:
            raise click.BadParameter(str(error)) from None

    return check


def _read_password(noinput: bool, file: IO[str] | None, username: str, email: str) -> str:
    """Return the password, or "" for none. A weak one is refused, unless the operator at the terminal insists."""
    if noinput or file:
        password = file.read().rstrip("\r\n") if file else os.environ.get(PASSWORD_VARIABLE, "")
        if problems := find_problems(password, username, email) if password else []:
            raise click.ClickException(" ".join(problems))
        return password
    while True:
        again = "Password (again)"
        password = click.prompt("Password", "", hide_input=True, show_default=False, confirmation_prompt=again)
        problems = find_problems(password, username, email) if password else []
        for problem in problems:
            click.echo(problem, err=True)
        if not problems or click.confirm("Use this password anyway?"):
            return password
