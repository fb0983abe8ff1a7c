"""SMTP servers on loopback (a real one, and one that fails by a script), and one email on its way to them."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from contextlib import suppress
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flaskcelery.extensions import mail
from flaskcelery.mail.message import Message
from tests.conftest import MakeApp

SILENCE, DROP = b"(silence)", b"(drop)"  # what a script may say in place of a reply


class MailServer(Controller):
    """A real server (aiosmtpd) on a free port; it keeps the envelopes and logins that reach it."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, implicit_tls: bool = False) -> None:
        self.envelopes: list[Envelope] = []
        self.logins: list[LoginPassword] = []
        super().__init__(
            self,
            hostname="127.0.0.1",
            port=0,
            server_hostname="localhost",
            ssl_context=tls if implicit_tls else None,
            tls_context=None if implicit_tls else tls,
            auth_require_tls=not implicit_tls,
            authenticator=self._log_in,
        )

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take the email."""
        self.envelopes.append(envelope)
        return "250 taken"

    @property
    def emails(self) -> list[EmailMessage]:
        """The emails as an email program reads them."""
        return [BytesParser(policy=default).parsebytes(bytes(each.content)) for each in self.envelopes]

    def _log_in(self, *arguments: Any) -> AuthResult:
        self.logins.append(arguments[-1])
        return AuthResult(success=True)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class ScriptedServer:
    """Answers each step (banner, ehlo, mail, rcpt, data, dot, quit) by a script; `pace` drips the replies.

    `later` is what it says once it has taken one email, until it has said each of that once.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        pace: float = 0,
        later: dict[str, bytes] | None = None,
        **script: bytes,
    ) -> None:
        usual = {"banner": b"220 hello", "data": b"354 go on", "quit": b"221 bye", **script}
        self._script, self._tls, self.pace, self._later = usual, tls, pace, later or {}
        self.emails: list[bytes] = []
        self.commands: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._talking: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self.wait_for_hang_up()
        self._listener.close()

    def wait_for_hang_up(self, kept: int = 0) -> None:
        """Return when the clients have closed their sockets, but for the last ones; fail when another one is open."""
        for thread in self._talking[: len(self._talking) - kept]:
            thread.join(timeout=5)
            assert not thread.is_alive(), "the client's socket is still open"

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is shut
            while True:
                connection, _ = self._listener.accept()
                self._sockets.append(connection)
                self._talking.append(threading.Thread(target=self._talk, args=(connection,), daemon=True))
                self._talking[-1].start()

    def _talk(self, plain: socket.socket) -> None:
        with suppress(OSError):  # the client went away in the middle
            wrapped = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            with plain, wrapped as connection, connection.makefile("rb") as lines:
                step = "banner"
                while self._answer(connection, step):
                    line = lines.readline()
                    if not line:
                        return
                    self.commands.append(line)
                    step = line[:4].decode("latin-1").strip().lower()
                    if step == "data" and self._script["data"].startswith(b"3"):
                        self._answer(connection, step)
                        email = b""
                        while (line := lines.readline()) not in (b"", b".\r\n"):
                            email += line
                        if not line:
                            return
                        self.emails.append(email)
                        step = "dot"

    def _answer(self, connection: socket.socket, step: str) -> bool:
        has_begun = len(self.emails) > (step == "dot")
        reply = (has_begun and self._later.pop(step, b"")) or self._script.get(step, b"250 fine")
        if reply == DROP:
            return False
        text = b"" if reply == SILENCE else reply + b"\r\n"
        for part in (text[i : i + 1] for i in range(len(text))) if self.pace else [text]:
            connection.sendall(part)
            time.sleep(self.pace)
        return True


def send(make_app: MakeApp, port: int, **options: Any) -> None:
    """Send one email to `port`; options in capitals are settings, the others are fields of the message."""
    settings = {"MAIL_BACKEND": "smtp", "MAIL_SERVER": "localhost", "MAIL_TIMEOUT": "0.5"}
    fields = {"subject": "Hello", "recipients": ["bob@example.com"], "body": "Hi"}
    for name, value in options.items():
        (settings if name.isupper() else fields)[name] = value
    app = make_app(**settings)
    app.config["MAIL_PORT"] = port
    with app.app_context():
        message = Message(**{name: value for name, value in fields.items() if name != "send_before"})
        message.send_before = fields.get("send_before", message.send_before)
        mail.send(message)


def make_certificate(folder: Path, host: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS context with a self-signed certificate for `host`, and the certificate's file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context, folder / "certificate.pem"
