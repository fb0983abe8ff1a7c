"""`flask mail ...`: whether mails leave."""

import smtplib
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from flaskcelery.cli.output import reported_errors
from flaskcelery.extensions import mail
from flaskcelery.mail.errors import MailError, sanitize
from flaskcelery.mail.message import Message
from flaskcelery.mail.smtp import SmtpConnection, SmtpSession
from flaskcelery.users.names import normalize_email

commands = AppGroup("mail", help="The mail server.")


class SpokenSession(SmtpSession):
    """An SMTP session that prints what both sides say, but for log-ins and the mail itself."""

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """Connect."""
        click.echo(f"   connecting to {host}:{port}")
        return super().connect(host, port, source_address)

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Say a command."""
        super().putcmd(cmd, args)
        if self.stage == "AUTH":
            is_command = cmd.upper() == "AUTH"
            click.echo(f"-> AUTH {args.split(maxsplit=1)[0]} ***" if is_command else "-> ***")
        else:
            click.echo(f"-> {sanitize(f'{cmd} {args}'.strip())}")

    def getreply(self) -> tuple[int, bytes]:
        """Hear the reply."""
        code, text = super().getreply()
        # What follows a log-in may repeat what was sent.
        shown = [""] if self.stage == "AUTH" else text.decode(errors="replace").splitlines() or [""]
        for line in shown:
            click.echo(f"<- {code} {sanitize(line)}".rstrip())
        return code, text

    def send(self, s: Any) -> None:
        """Send bytes."""
        if self.stage == "BODY":
            click.echo(f"-> (the mail, {len(s)} bytes)")
        super().send(s)


class SpokenConnection(SmtpConnection):
    """Flask-Mail's connection whose dialogue is printed."""

    session_class = SpokenSession


@commands.command()
@click.argument("email")
def test(email: str) -> None:
    """Send a mail and print what the mail server says to it: flask mail test you@your.domain

    Nothing is owed and nothing tried again. Log-in and mail stay out of what is printed.
    """
    with reported_errors():
        to = normalize_email(email)
    config = current_app.config
    body = f"{config['SITE_NAME']} can send mails.\n"
    message = Message("A test", [to], body, sender=config["MAIL_DEFAULT_SENDER"])
    is_console = config["MAIL_BACKEND"] == "console"
    try:
        with mail.connect() if is_console else SpokenConnection(current_app.extensions["mail"]) as connection:
            connection.send(message)
    except (MailError, smtplib.SMTPException) as error:
        raise click.ClickException(f"the mail did not leave: {error}") from None
    click.echo("Printed, not sent: MAIL_BACKEND is console." if is_console else "The mail server took the mail.")
