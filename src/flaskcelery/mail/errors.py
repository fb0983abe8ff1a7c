"""Errors of sending email, and the one function that chooses between them by the SMTP stage."""

import smtplib
import ssl
from collections.abc import Iterable

from flaskcelery.errors import TaskFailed

MAX_REASON_LENGTH = 500


def sanitize(reason: str) -> str:
    """Return the reason without control characters, at most MAX_REASON_LENGTH characters long."""
    return "".join(c if c.isprintable() else " " for c in reason)[:MAX_REASON_LENGTH]


class MailError(Exception):
    """The email was not sent. The reason can quote the server, so it is kept short and printable."""

    def __str__(self) -> str:
        return sanitize(" ".join(str(part) for part in self.args))


class TemporaryMailError(MailError):
    """The email was not sent; another attempt may succeed."""


class ConfigurationMailError(TemporaryMailError):
    """No email can be sent until the settings or the mail server are fixed."""


class UnknownMailError(TemporaryMailError):
    """The email may have been sent: the connection ended after the final dot, before the server's reply."""


class PermanentMailError(MailError, TaskFailed):
    """The email can never be sent: the server refused its recipient or its content."""


# The stages before the server knows the recipient: what it refuses for good there, it refuses every email.
# The others are RCPT, DATA, BODY and DOT. After them, at QUIT, the server has already accepted the email.
EVERY_EMAIL = {"CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL"}


def classify(stage: str, error: Exception, recipients: Iterable[str] = ()) -> MailError:
    """Return the mail error for `error`, raised by smtplib or a socket at this stage of an email to `recipients`."""
    code, text = 0, ""
    # smtplib invents a 500, as str, for a line that does not end.
    if isinstance(error, smtplib.SMTPResponseException) and isinstance(error.smtp_error, bytes):
        code, text = error.smtp_code, error.smtp_error.decode("utf-8", "replace")
    kind: type[MailError] = TemporaryMailError
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError):
        kind = ConfigurationMailError
    elif code // 100 == 5:  # noqa: PLR2004  RFC 5321, 4.2.1
        # 5.7 is refused by policy (RFC 3463), which is about us unless the reply names the recipient.
        is_about_us = text.startswith("5.7.") and not _names(recipients, text)
        kind = ConfigurationMailError if stage in EVERY_EMAIL or is_about_us else PermanentMailError
    elif code // 100 != 4 and stage == "DOT":  # noqa: PLR2004
        kind = UnknownMailError
    if stage == "AUTH":
        text = "the server refused the login"  # its reply could repeat the password
    return kind(f"{stage}: {code} {text}" if code else f"{stage}: {type(error).__name__}: {error}")


def _names(recipients: Iterable[str], text: str) -> bool:
    """Return whether the reply is about a recipient. A server that relays nothing for us names them all."""
    reply = text.lower()
    return "relay" not in reply and any(address.lower() in reply for address in recipients)
