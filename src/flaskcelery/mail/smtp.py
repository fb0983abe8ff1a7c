"""Sending over SMTP: deadlines, verified TLS, and a result that only the server's reply decides."""

import math
import re
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
from celery.signals import worker_process_init, worker_process_shutdown
from flask import Flask, current_app

from flaskcelery.mail.errors import PermanentMailError, classify

FORBIDDEN_IN_HEADERS = {"Cc", "Cs", "Zl", "Zp"}  # Unicode categories: controls, surrogates, line separators
QUIT_TIMEOUT = 1  # seconds, for a server that reads nothing any more
MAX_EMAILS = 50  # over one session
FAILURES = (OSError, ValueError, smtplib.SMTPException)


def refuse_bad_headers(message: flask_mail.Message) -> None:
    """Raise PermanentMailError when a header value holds a control character or a non-ASCII address.

    Flask-Mail looks for CR and LF only; Python's folding turns VT, FF, FS, GS and RS into line ends.
    """
    addresses = [*message.recipients, *message.cc, *message.bcc]
    values = [message.subject, message.sender, message.reply_to, message.msgId, *addresses]
    values += [part for item in message.extra_headers.items() for part in item] if message.extra_headers else []
    for text in [str(value or "") for value in values]:
        # The first question is cheap, and no text with one of these categories passes it.
        if not text.isprintable() and any(unicodedata.category(each) in FORBIDDEN_IN_HEADERS for each in text):
            raise PermanentMailError("a header holds a control character")
    if not all(str(address).isascii() for address in addresses):
        raise PermanentMailError("an address is not ASCII")


def init_smtp(app: Flask) -> None:
    """Let each pool process of a worker keep its session for its next email."""
    sessions: list[SmtpSession] = []
    app.extensions["smtp_sessions"] = None

    def start(**_: object) -> None:
        app.extensions["smtp_sessions"] = sessions

    def stop(**_: object) -> None:
        while sessions:
            sessions.pop().leave()

    worker_process_init.connect(start, weak=False)
    worker_process_shutdown.connect(stop, weak=False)


class SmtpSession(smtplib.SMTP):
    """An SMTP session that knows its stage, and that a thread ends when its time is over."""

    stage = "CONNECT"
    send_before = math.inf  # on the monotonic clock; after that the sender's lease is nearly over
    emails = 0  # accepted so far

    def __init__(self, config: Mapping[str, Any], ends: float, **tls: Any) -> None:
        self._ends, self._closed, self._lock = ends, threading.Event(), threading.Lock()
        threading.Thread(target=self._watch, name="smtp-deadline", daemon=True).start()
        # A name of our own: smtplib would ask the resolver for one, which no deadline limits.
        name = config["MAIL_MESSAGE_ID_DOMAIN"]
        try:
            super().__init__(config["MAIL_SERVER"], config["MAIL_PORT"], name, timeout=config["MAIL_TIMEOUT"], **tls)
        except BaseException:
            self._closed.set()
            raise

    def begin(self, stage: str, ends: float) -> None:
        """Begin another stage, and the time in which all that follows must be done, on the monotonic clock."""
        with self._lock:  # or else the watcher could end it by the time of the last stage
            self.stage, self._ends = stage, ends

    def _watch(self) -> None:
        """Say QUIT when no email has come in time, else shut the socket, again and again: STARTTLS replaces it."""
        while not self._closed.wait(max(0.05, self._ends - time.monotonic())):
            with self._lock, suppress(OSError):
                if time.monotonic() < self._ends:
                    continue
                if self.stage == "IDLE":
                    self.leave()
                elif self.sock:
                    # Not SSLSocket's own method, after which another thread could still send in the clear.
                    socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def prepare(self, tls: ssl.SSLContext | None, username: str, password: str) -> None:
        """Say EHLO; start TLS and log in as far as there are a context and a username."""
        self.stage = "EHLO"
        self.ehlo_or_helo_if_needed()
        if tls:
            self.stage = "STARTTLS"
            self.starttls(context=tls)
            self.stage = "EHLO"
            self.ehlo_or_helo_if_needed()
        if username and password:
            self.stage = "AUTH"
            self.login(username, password)

    def sendmail(self, from_addr: str, to_addrs: Any, msg: Any, mail_options: Any = (), rcpt_options: Any = ()) -> Any:
        """Send the bytes `msg`; every recipient must be accepted. Return only after a 2xx reply to the final dot."""
        size = [f"size={len(msg)}"] if self.has_extn("size") else []
        self.stage = "MAIL"
        _expect(2, self.mail(from_addr, [*size, *mail_options]))
        self.stage = "RCPT"
        for address in to_addrs:
            _expect(2, self.rcpt(address, rcpt_options))
        self.stage = "DATA"
        if time.monotonic() > self.send_before:
            raise TimeoutError("the lease is nearly over")
        _expect(3, self.docmd("DATA"))
        self.stage = "BODY"
        lines = re.sub(rb"(?m)^\.", b"..", msg)  # RFC 5321, 4.5.2
        self.send(lines + (b"" if lines.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        self.stage = "DOT"  # from here on the server may have accepted the message
        _expect(2, self.getreply())
        self.emails += 1
        return {}

    def leave(self) -> None:
        """Say QUIT and close without its reply, which changes nothing, and which a server can drip for hours."""
        with suppress(OSError, smtplib.SMTPException):
            if self.sock:
                self.sock.settimeout(QUIT_TIMEOUT)
            self.putcmd("quit")
        self._closed.set()
        self.close()


class SmtpsSession(SmtpSession, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""


def _expect(category: int, reply: tuple[int, bytes]) -> None:
    """Raise SMTPResponseException unless the reply's code begins with this digit."""
    if reply[0] // 100 != category:
        raise smtplib.SMTPResponseException(*reply)


class SmtpConnection(flask_mail.Connection):
    """Flask-Mail's connection; every failure is one of `mail.errors`."""

    host: SmtpSession | None
    session_class: type[SmtpSession] = SmtpSession
    tls_session_class: type[SmtpSession] = SmtpsSession

    def configure_host(self) -> SmtpSession:
        """Take the session that this process has kept, or connect."""
        self._ends = time.monotonic() + current_app.config["MAIL_SEND_DEADLINE"]
        if not (kept := current_app.extensions["smtp_sessions"]):
            return self._connect()
        session: SmtpSession = kept.pop()
        session.begin("EHLO", self._ends)
        return session

    def _connect(self) -> SmtpSession:
        """Connect, start TLS and log in as the settings say."""
        config, session = current_app.config, None
        wants_tls = self.mail.use_tls or self.mail.use_ssl  # reading the machine's certificates takes a while
        tls = ssl.create_default_context(cafile=config["MAIL_CA_FILE"] or None) if wants_tls else None
        try:
            kind = self.tls_session_class if self.mail.use_ssl else self.session_class
            session = kind(config, self._ends, **({"context": tls} if self.mail.use_ssl else {}))
            session.prepare(tls if self.mail.use_tls else None, self.mail.username, self.mail.password)
        except FAILURES as error:
            if session:
                session.leave()
            raise classify(session.stage if session else "CONNECT", error) from error
        return session

    def __exit__(self, error: object, *_: object) -> None:
        """Keep the session for the next email if this process keeps any, but not after an error."""
        kept = current_app.extensions["smtp_sessions"]
        if self.host and (error or kept is None or not 0 < self.host.emails < MAX_EMAILS):
            self.host.leave()
        elif self.host:
            self.host.begin("IDLE", time.monotonic() + current_app.config["MAIL_SEND_DEADLINE"])
            kept.append(self.host)

    def send(self, message: flask_mail.Message, envelope_from: Any = None) -> None:
        """Send the message; return only after the server has accepted it."""
        refuse_bad_headers(message)
        if self.host:
            self.host.send_before = getattr(message, "send_before", math.inf)
        try:
            super().send(message, envelope_from)
        except FAILURES as error:
            if self.host and self.host.emails and self.host.stage == "MAIL":
                self.host.leave()  # the server has had enough of this session, which says nothing about the email
                self.host = self._connect()
                return self.send(message, envelope_from)
            recipients = [str(address) for address in message.recipients]
            raise classify(self.host.stage if self.host else "CONNECT", error, recipients) from error
