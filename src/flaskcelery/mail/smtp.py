"""Sending over SMTP: deadlines, verified TLS, and a result that only the server's reply decides."""

import math
import smtplib
import socket
import ssl
import threading
import time
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import flask_mail
from flask import current_app

from flaskcelery.mail.errors import ERRORS_BY_STAGE, PermanentMailError, classify

FORBIDDEN_IN_HEADERS = {"Cc", "Cs", "Zl", "Zp"}  # Unicode categories: controls, surrogates, line separators
SMTP_READY = 220  # RFC 5321, 4.2: the greeting of a server that takes mail
SMTP_GO_AHEAD = 354
QUIT_TIMEOUT = 1  # seconds; the mail is gone by then


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
        self.stage, self.send_before = "CONNECT", math.inf
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

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Send the message, unless the sender's time for it is over."""
        if time.monotonic() > self.send_before:
            raise TimeoutError("the lease is nearly over")
        return super().data(msg)

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command and remember it as the stage."""
        if cmd.upper() in ERRORS_BY_STAGE:
            self.stage = cmd.upper()
        super().putcmd(cmd, args)

    def getreply(self) -> tuple[int, bytes]:
        """Read the reply; after 354 the body follows."""
        try:
            reply = super().getreply()
        except smtplib.SMTPResponseException as error:  # a line without end: smtplib makes up a 500
            raise smtplib.SMTPServerDisconnected(str(error)) from error
        if self.stage == "DATA" and reply[0] == SMTP_GO_AHEAD:
            self.stage = "BODY"
        if self.stage == "DOT" and reply[0] // 100 == 2:  # noqa: PLR2004  any 2xx is a yes; smtplib insists on 250
            return 250, reply[1]
        return reply

    def send(self, s: Any) -> None:
        """Send bytes; those of a body end with the final dot, and from then on the server may have the mail."""
        super().send(s)
        if self.stage == "BODY":
            self.stage = "DOT"

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
    session_class: type[SmtpSession] = SmtpSession

    def configure_host(self) -> SmtpSession:
        """Connect, start TLS and log in as the settings say."""
        config = current_app.config
        wants_tls = self.mail.use_tls or self.mail.use_ssl  # reading the machine's certificates takes a while
        tls = ssl.create_default_context(cafile=config["MAIL_CA_FILE"] or None) if wants_tls else None
        session = self.session_class(config, tls, implicit_tls=self.mail.use_ssl)
        try:
            self._open(session, tls)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            session.leave()
            raise classify(session.stage, error) from error
        return session

    def _open(self, session: SmtpSession, tls: ssl.SSLContext | None) -> None:
        code, greeting = session.connect(self.mail.server, self.mail.port)
        if code != SMTP_READY:
            raise smtplib.SMTPConnectError(code, greeting)
        if self.mail.use_tls:
            session.starttls(context=tls)
        if self.mail.username and self.mail.password:
            session.login(self.mail.username, self.mail.password)

    def __exit__(self, *_: object) -> None:
        if self.host:
            self.host.leave()

    def send(self, message: flask_mail.Message, envelope_from: Any = None) -> None:
        """Hand the message over; return only after the server has taken it."""
        refuse_bad_headers(message)
        if self.host:
            self.host.send_before = getattr(message, "send_before", math.inf)
        try:
            super().send(message, envelope_from)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise classify(self.host.stage if self.host else "CONNECT", error) from error
