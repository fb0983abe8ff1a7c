"""Messages that every mail server accepts, and the two backends that send them: SMTP and the console."""

import math
import quopri
import re
import secrets
import sys
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import Compat32
from functools import lru_cache
from typing import Any

import flask_mail
from flask import current_app, render_template
from jinja2 import Environment, Template

from flaskcelery.mail.smtp import SmtpConnection, refuse_bad_headers

# What a template of an email sets; templates/email/base.html says what each part is.
REQUIRED_PARTS = ("subject", "text", "reason")
PARAGRAPHS = ("text", "note", "reason")


class PlainHeaders(Compat32):
    """Writes a plain-text header unchanged. Python's own policy needs a tenth of an email's time for that."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        is_plain = isinstance(value, str) and value.isascii() and value.isprintable()
        return f"{name}: {value}\r\n".encode() if is_plain else super().fold_binary(name, value)


CRLF = PlainHeaders(linesep="\r\n", max_line_length=None)  # encoded words are folded before


class Message(flask_mail.Message):
    """A Flask-Mail message to one address whose long or non-ASCII lines survive every server."""

    send_before = math.inf  # on the monotonic clock; after that another process may claim the row

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMENonMultipart:  # type: ignore[override]
        """Return a part whose lines stay within RFC 5321's 998 bytes. MIMEText encodes in Python, this in C."""
        part = MIMENonMultipart("text", subtype, charset="utf-8")
        part["Content-Transfer-Encoding"] = "quoted-printable"
        part.set_payload(quopri.encodestring((text or "").encode()).decode())
        return part

    def as_bytes(self) -> bytes:
        message = self._message()
        message.policy = CRLF  # Flask-Mail's own takes twice the CPU time
        for part in message.walk():
            if part.is_multipart():
                # Else Python looks for one that is in no line. set_boundary() would parse the header.
                part.replace_header("Content-Type", f'{part.get_content_type()}; boundary="{secrets.token_hex(16)}"')
        return message.as_bytes()


def compose(template: str, to: str, **context: Any) -> Message:
    """Put what `template`.txt sets into both layouts of `templates/email/`, as a message to one address.

    If there is a `template`.html, it is the HTML layout of this email.
    """
    others = {name: value for name, value in context.items() if name not in PARAGRAPHS}  # a `note` can be anything
    parts = {**others, **_read_parts(f"{template}.txt", context)}
    return Message(
        subject=parts["subject"],
        recipients=[to],
        body=render_template("email/base.txt", **parts),
        html=render_template(_find_layout(current_app.jinja_env, template), **parts),
        sender=current_app.config["MAIL_DEFAULT_SENDER"],
        extra_headers={"Auto-Submitted": "auto-generated"},  # RFC 3834: no out-of-office replies to us
    )


@lru_cache
def _find_layout(templates: Environment, template: str) -> Template:
    """Find the layout once: for a file that is not there, Jinja would look again each time."""
    return templates.select_template([f"{template}.html", "email/base.html"])


def _read_parts(template: str, context: dict[str, Any]) -> dict[str, Any]:
    """Return what the template sets: paragraphs of text, and lines. Markup comes from the layouts alone."""
    context = dict(context)
    current_app.update_template_context(context)
    module = current_app.jinja_env.get_template(template).make_module(context)
    parts = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    if missing := [name for name in REQUIRED_PARTS if not parts.get(name)]:
        raise ValueError(f"{template} does not set {' and '.join(missing)}")
    return {
        name: _split_paragraphs(value) if name in PARAGRAPHS else " ".join(str(value).split())
        for name, value in parts.items()
    }


def _split_paragraphs(text: str) -> list[str]:
    return [" ".join(lines.split()) for lines in re.split(r"\n\s*\n", text) if lines.strip()]


class ConsoleConnection(flask_mail.Connection):
    """Prints each email as one block of decoded text with unbroken links, for development."""

    def configure_host(self) -> Any:
        return None  # nothing to connect to

    def send(self, message: flask_mail.Message, envelope_from: Any = None) -> None:
        refuse_bad_headers(message)
        to, rule = ", ".join(map(str, message.recipients)), "-" * 70
        head = f"From: {message.sender}\nTo: {to}\nSubject: {message.subject}\nMessage-ID: {message.msgId}"
        sys.stdout.buffer.write(f"{rule}\n{head}\n\n{message.body}\n{rule}\n".encode("utf-8", "replace"))
        sys.stdout.flush()


class SafeMail(flask_mail.Mail):
    """Flask-Mail with the backend that MAIL_BACKEND names."""

    def connect(self) -> flask_mail.Connection:
        state = current_app.extensions["mail"]
        if current_app.config["MAIL_BACKEND"] == "console" and not state.suppress:
            return ConsoleConnection(state)
        return SmtpConnection(state)


def message_id(local_part: object) -> str:
    """Return the Message-ID of the outbox row with this id, which is the same for every attempt."""
    return f"<{local_part}@{current_app.config['MAIL_MESSAGE_ID_DOMAIN']}>"
