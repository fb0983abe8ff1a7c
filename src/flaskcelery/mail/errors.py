"""What the end of an SMTP stage means: errors, and the one table that chooses between them."""

import smtplib
import ssl

MAX_REASON_LENGTH = 500


def sanitize(reason: str) -> str:
    """Return a reason that a database, a log and a terminal take as it is."""
    return "".join(c if c.isprintable() else " " for c in reason)[:MAX_REASON_LENGTH]


class MailError(Exception):
    """The mail did not leave. The reason may be a server's own words: kept short and printable."""

    def __str__(self) -> str:
        """Return the reason."""
        return sanitize(" ".join(str(part) for part in self.args))


class TemporaryMailError(MailError):
    """The mail did not leave; another attempt may succeed."""


class ConfigurationMailError(TemporaryMailError):
    """No mail can leave before somebody mends the settings or the mail server."""


class UnknownMailError(TemporaryMailError):
    """The mail may have left: the connection ended after the final dot, before the server's reply."""


class PermanentMailError(MailError):
    """The mail can never leave as it is: its recipient or its content was refused."""


# What a stage's end means: (reply 4xx, reply 5xx, no reply: a time-out or a lost connection).
# QUIT is missing: whatever it answers, the mail has been taken.
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
    """Return the error that the table has for what went wrong at this stage."""
    code, reply = _find_reply(error)
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    on_4xx, on_5xx, on_silence = ERRORS_BY_STAGE[stage]
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError):
        kind: type[MailError] = ConfigurationMailError
    elif 500 <= code <= 599:  # noqa: PLR2004  RFC 5321, 4.2.1
        kind = ConfigurationMailError if text.startswith("5.7.") else on_5xx  # RFC 3463: blocked by policy
    else:
        kind = on_4xx if 400 <= code <= 499 else on_silence  # noqa: PLR2004
    if stage == "AUTH":
        text = "the server refused the log-in"  # its own words may repeat what was sent
    return kind(f"{stage}: {code} {text}" if code else f"{stage}: {type(error).__name__}: {error}")


def _find_reply(error: Exception) -> tuple[int, bytes | str]:
    """Return the server's reply that `error` stands for, or 0 when there was none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(iter(error.recipients.values()))
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code, error.smtp_error
    return 0, ""
