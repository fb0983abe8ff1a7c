"""`flask mail`: check that email can be sent."""

import smtplib
from typing import Any

import click
from flask import current_app

from flaskcelery.cli.output import Group
from flaskcelery.extensions import mail
from flaskcelery.mail.errors import MailError, sanitize
from flaskcelery.mail.message import Message
from flaskcelery.mail.smtp import SmtpConnection, SmtpSession, SmtpsSession
from flaskcelery.users.names import normalize_email

commands = Group("mail", help="The mail server.")


class PrintedSession(SmtpSession):
    """Prints the dialogue, except for the password and the email itself."""

    def putcmd(self, cmd: str, args: str = "") -> None:
        super().putcmd(cmd, args)
        line = sanitize(f"{cmd} {args}".strip())
        if self.stage == "AUTH":
            line = f"AUTH {args.split(maxsplit=1)[0]} ***" if cmd.upper() == "AUTH" else "***"
        click.echo(f"-> {line}")

    def getreply(self) -> tuple[int, bytes]:
        code, text = super().getreply()
        # A reply to a login could repeat the password.
        shown = [""] if self.stage == "AUTH" else text.decode(errors="replace").splitlines() or [""]
        for line in shown:
            click.echo(f"<- {code} {sanitize(line)}".rstrip())
        return code, text

    def send(self, s: Any) -> None:
        if self.stage == "BODY":
            click.echo(f"-> (the email, {len(s)} bytes)")
        super().send(s)


class PrintedSmtpsSession(PrintedSession, SmtpsSession):
    """The same with TLS from the first byte."""


class PrintedConnection(SmtpConnection):
    session_class, tls_session_class = PrintedSession, PrintedSmtpsSession


@commands.command()
@click.argument("email")
def test(email: str) -> None:
    """Send a test email and print the dialogue with the mail server: flask mail test you@your.domain

    The outbox is not involved and nothing is retried. The password and the email itself are not printed.
    """
    config = current_app.config
    text = f"{config['SITE_NAME']} can send email.\n"
    message = Message("Test", [normalize_email(email)], text, sender=config["MAIL_DEFAULT_SENDER"])
    is_console = config["MAIL_BACKEND"] == "console"
    if not is_console:
        click.echo(f"   connecting to {config['MAIL_SERVER']}:{config['MAIL_PORT']}")
    try:
        with mail.connect() if is_console else PrintedConnection(current_app.extensions["mail"]) as connection:
            connection.send(message)
    except (MailError, smtplib.SMTPException) as error:
        raise click.ClickException(f"the email was not sent: {error}") from None
    click.echo("Printed, not sent: MAIL_BACKEND is console." if is_console else "The mail server accepted the email.")
