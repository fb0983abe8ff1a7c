"""Errors of sending email, and the one table that chooses between them by the SMTP stage."""

import smtplib
import ssl

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


class PermanentMailError(MailError):
    """The email can never be sent: the server refused its recipient or its content."""


# The error when a stage ends with (a 4xx reply, a 5xx reply, no reply because of a timeout or a lost connection).
# QUIT is missing: whatever the server answers, it has already accepted the email.
ERRORS_BY_STAGE = {
    "CONNECT": (TemporaryMailError, ConfigurationMailError, TemporaryMailError),
    "EHLO": (TemporaryMailError, ConfigurationMailError, TemporaryMailError),
    "STARTTLS": (TemporaryMailError, ConfigurationMailError, TemporaryMailError),
    "AUTH": (TemporaryMailError, ConfigurationMailError, TemporaryMailError),
    "MAIL": (TemporaryMailError, ConfigurationMailError, TemporaryMailError),
    "RCPT": (TemporaryMailError, PermanentMailError, TemporaryMailError),
    "DATA": (TemporaryMailError, PermanentMailError, TemporaryMailError),
    "BODY": (TemporaryMailError, PermanentMailError, TemporaryMailError),
    "DOT": (TemporaryMailError, PermanentMailError, UnknownMailError),
}


def classify(stage: str, error: Exception) -> MailError:
    """Return the mail error for `error`, raised by smtplib or a socket at this stage."""
    code, reply = _find_reply(error)
    text = reply.decode("utf-8", "replace")
    on_4xx, on_5xx, on_silence = ERRORS_BY_STAGE[stage]
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError):
        kind: type[MailError] = ConfigurationMailError
    elif 500 <= code <= 599:  # noqa: PLR2004  RFC 5321, 4.2.1
        kind = ConfigurationMailError if text.startswith("5.7.") else on_5xx  # RFC 3463: blocked by policy
    else:
        kind = on_4xx if 400 <= code <= 499 else on_silence  # noqa: PLR2004
    if stage == "AUTH":
        text = "the server refused the login"  # its reply could repeat the password
    return kind(f"{stage}: {code} {text}" if code else f"{stage}: {type(error).__name__}: {error}")


def _find_reply(error: Exception) -> tuple[int, bytes]:
    """Return the server's reply, or code 0: smtplib invents a 500, as text, for a line that does not end."""
    if isinstance(error, smtplib.SMTPResponseException) and isinstance(error.smtp_error, bytes):
        return error.smtp_code, error.smtp_error
    return 0, b""
