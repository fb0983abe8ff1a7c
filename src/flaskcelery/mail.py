"""Flask-Mail made safe: deadlines, verified TLS, and a result that only the server's reply decides."""

import smtplib
import socket
import ssl
import sys
import threading
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from email import charset
from email.mime.text import MIMEText
from types import TracebackType
from typing import Any

import flask_mail
from flask import current_app, render_template

FORBIDDEN_IN_HEADERS = {"Cc", "Cs", "Zl", "Zp"}  # Unicode categories: controls, surrogates, line separators

SMTP_READY = 220  # RFC 5321, 4.2: the greeting of a server that takes mail
MAX_REASON_LENGTH = 500
QUIT_TIMEOUT = 1  # seconds; the mail is gone by then

QUOTED_PRINTABLE = charset.Charset("utf-8")
QUOTED_PRINTABLE.body_encoding = charset.QP  # lines stay within RFC 5321's 998 bytes


class MailError(Exception):
    """The mail did not leave. The reason may be a server's own words: kept short and printable."""

    def __str__(self) -> str:
        """Return the reason."""
        text = " ".join(str(part) for part in self.args)
        return "".join(c if c.isprintable() else " " for c in text)[:MAX_REASON_LENGTH]


class TemporaryMailError(MailError):
    """The mail did not leave; another attempt may succeed."""


class PermanentMailError(MailError):
    """The mail can never leave as it is: its recipient or its content was refused."""


class Message(flask_mail.Message):
    """A Flask-Mail message to one address whose long or non-ASCII lines survive every server."""

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMEText:
        return MIMEText(text or "", _subtype=subtype, _charset=QUOTED_PRINTABLE)  # type: ignore[arg-type]


def compose(template: str, to: str, **context: Any) -> Message:
    """Render `template`.subject.txt, .txt and .html as a message to one address."""
    subject = render_template(f"{template}.subject.txt", **context).strip()
    return Message(
        subject=subject,
        recipients=[to],
        body=render_template(f"{template}.txt", **context),
        html=render_template(f"{template}.html", **context),
        sender=current_app.config["MAIL_DEFAULT_SENDER"],
    )


def refuse_bad_headers(message: flask_mail.Message) -> None:
    """Raise PermanentMailError when a header value holds a control character or a non-ASCII address.

    Flask-Mail looks for CR and LF only; Python's folding turns VT, FF, FS, GS and RS into line ends.
    """
    addresses = [*message.recipients, *message.cc, *message.bcc]
    values = [message.subject, message.sender, message.reply_to, message.msgId, *addresses]
    values += [part for item in message.extra_headers.items() for part in item] if message.extra_headers else []
    for value in values:
        if any(unicodedata.category(character) in FORBIDDEN_IN_HEADERS for character in str(value or "")):
            raise PermanentMailError("a header holds a control character")
    if not all(str(address).isascii() for address in addresses):
        raise PermanentMailError("an address is not ASCII")


class SmtpSession(smtplib.SMTP):
    """An SMTP session with verified TLS whose socket a watchdog shuts when MAIL_SEND_DEADLINE is over."""

    def __init__(self, config: Mapping[str, Any], tls: ssl.SSLContext | None, implicit_tls: bool) -> None:
        # A name of our own: smtplib would ask the resolver for one, outside every deadline.
        super().__init__(timeout=config["MAIL_TIMEOUT"], local_hostname=config["MAIL_MESSAGE_ID_DOMAIN"])
        self._tls, self._implicit_tls = tls, implicit_tls
        self._lifeline: socket.socket | None = None
        self._expired = False
        self._watchdog = threading.Timer(config["MAIL_SEND_DEADLINE"], self._shut)
        self._watchdog.daemon = True
        self._watchdog.start()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self._host = host  # the name that TLS verifies; smtplib sets it in the constructor only
        self._lifeline = plain.dup()  # stays valid while TLS takes the socket over
        if self._expired:
            self._shut()
        if self._implicit_tls and self._tls:
            return self._tls.wrap_socket(plain, server_hostname=host)
        return plain

    def _shut(self) -> None:
        self._expired = True
        if self._lifeline:
            with suppress(OSError):
                self._lifeline.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Say QUIT and close; nothing that happens here can change what the server said before."""
        with suppress(OSError, smtplib.SMTPException):
            if self.sock:
                self.sock.settimeout(QUIT_TIMEOUT)
            self.quit()
        self._watchdog.cancel()
        self.close()
        if self._lifeline:
            self._lifeline.close()


class SmtpConnection(flask_mail.Connection):
    """Flask-Mail's connection, with every way out turned into one of this module's errors."""

    host: SmtpSession | None

    def configure_host(self) -> SmtpSession:
        """Connect, start TLS and log in as the settings say."""
        config = current_app.config
        wants_tls = self.mail.use_tls or self.mail.use_ssl  # reading the machine's certificates takes a while
        tls = ssl.create_default_context(cafile=config["MAIL_CA_FILE"] or None) if wants_tls else None
        session = SmtpSession(config, tls, implicit_tls=self.mail.use_ssl)
        try:
            self._open(session, tls)
        except BaseException:
            session.leave()
            raise
        return session

    def _open(self, session: SmtpSession, tls: ssl.SSLContext | None) -> None:
        try:
            code, greeting = session.connect(self.mail.server, self.mail.port)
            if code != SMTP_READY:
                raise smtplib.SMTPConnectError(code, greeting)
            if self.mail.use_tls:
                session.starttls(context=tls)
            if self.mail.username and self.mail.password:
                session.login(self.mail.username, self.mail.password)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise TemporaryMailError(_describe(error)) from error

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self.host:
            self.host.leave()

    def send(self, message: flask_mail.Message, envelope_from: Any = None) -> None:
        """Hand the message over; return only after the server has taken it."""
        refuse_bad_headers(message)
        try:
            super().send(message, envelope_from)
        except smtplib.SMTPRecipientsRefused as error:
            raise _classify(*next(iter(error.recipients.values()))) from error
        except smtplib.SMTPDataError as error:
            raise _classify(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise TemporaryMailError(_describe(error)) from error


def _classify(code: int, reply: bytes | str) -> MailError:
    """Return the error that the server's reply to RCPT or DATA stands for."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    kind = PermanentMailError if 500 <= code <= 599 else TemporaryMailError  # noqa: PLR2004  RFC 5321, 4.2.1
    return kind(f"{code} {text}")


def _describe(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{error.smtp_code} the server refused the log-in"
    return f"{type(error).__name__}: {error}"


class ConsoleConnection(flask_mail.Connection):
    """Prints each mail as one block of decoded text, links whole; for development."""

    def __enter__(self) -> "ConsoleConnection":
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to close."""

    def send(self, message: flask_mail.Message, envelope_from: Any = None) -> None:
        """Print the message."""
        refuse_bad_headers(message)
        to, rule = ", ".join(map(str, message.recipients)), "-" * 70
        head = f"From: {message.sender}\nTo: {to}\nSubject: {message.subject}\nMessage-ID: {message.msgId}"
        block = f"{rule}\n{head}\n\n{message.body}\n{rule}\n"
        sys.stdout.buffer.write(block.encode("utf-8", "replace"))
        sys.stdout.flush()


class SafeMail(flask_mail.Mail):
    """Flask-Mail whose connections are the two above."""

    def connect(self) -> flask_mail.Connection:
        """Return a connection of the backend that MAIL_BACKEND names."""
        state = current_app.extensions["mail"]
        if current_app.config["MAIL_BACKEND"] == "console" and not state.suppress:
            return ConsoleConnection(state)
        return SmtpConnection(state)


def message_id(local_part: object) -> str:
    """Return the Message-ID of the row with this id: the same for every attempt."""
    return f"<{local_part}@{current_app.config['MAIL_MESSAGE_ID_DOMAIN']}>"
