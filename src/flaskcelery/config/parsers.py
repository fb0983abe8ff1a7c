"""How a setting's text is parsed; the ValueError of a parser says what the text must be."""

import os
import re
from collections.abc import Callable
from email.utils import formataddr
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

T = TypeVar("T")
ARGON2_DEFAULT = "m=19456,t=2,p=1"
BREACH_SERVICE = "https://api.pwnedpasswords.com/range/"


def matching(pattern: str, convert: Callable[[str], T], meaning: str) -> Callable[[str], T]:
    """Return the parser of a text that matches the whole pattern."""

    def parse(text: str) -> T:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {meaning}")
        return convert(text)

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    return matching("|".join(choices), str, f"one of: {', '.join(choices)}")


flag = matching("0|1", lambda text: text == "1", "one of: 0, 1")
positive = matching("0*[1-9][0-9]*", int, "a whole number of at least 1")
whole = matching("[0-9]{1,9}", int, "a whole number")
seconds = matching(r"[0-9]{1,7}(\.[0-9]+)?", float, "a number of seconds")
public_url = matching(
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?",
    lambda text: text.rstrip("/"),
    "a scheme and a host only, such as https://www.example.com",
)
otlp_endpoint = matching(
    r"https?://[^\s/@?#]+(/[^\s?#]*)?",
    lambda text: text.rstrip("/"),
    "a URL, such as https://collector.your.domain:4318",
)
sentry_dsn = matching(r"https?://\w+@[^\s/@]+/\S*[0-9]+", str, "a DSN, such as https://key@sentry.your.domain/1")


def port(text: str) -> int:
    if positive(text) > 65535:  # noqa: PLR2004  16 bits
        raise ValueError("must be a port, at most 65535")
    return int(text)


def argon2(text: str) -> tuple[int, int, int]:
    """Return memory in KiB, passes and lanes."""
    found = re.fullmatch("m=([0-9]+),t=([1-9][0-9]*),p=([1-9][0-9]*)", text)
    if not found or int(found[1]) < 8 * int(found[3]):  # RFC 9106, 3.1
        raise ValueError(f"must look like {ARGON2_DEFAULT} (m in KiB, at least 8 times p)")
    return int(found[1]), int(found[2]), int(found[3])


def words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def domains(text: str) -> list[str]:
    """Return the domains in the spelling that accounts' emails have."""
    try:
        return [validate_email(f"any@{word}", check_deliverability=False).ascii_domain for word in words(text)]
    except EmailNotValidError:
        raise ValueError("must be domains, such as example.com, example.org") from None


def breach_service(text: str) -> str:
    """Return the URL that the first digits of a hash are appended to, or "" for no service."""
    if text in {"0", "1"}:
        return BREACH_SERVICE if text == "1" else ""
    return matching(r"https?://[^\s?#]+/", str, "0, 1, or a URL that ends in /")(text)


def folder(text: str) -> str:
    return str(Path(text).expanduser().resolve())


def database_url(text: str) -> str:
    """Return the URL with the driver that is installed."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("must be a database URL such as postgresql://user:password@host/name") from None
    if url.drivername in {"postgres", "postgresql"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ValueError("must begin with sqlite:// or postgresql://")
    if url.drivername == "sqlite" and not os.path.isabs(url.database or ""):
        raise ValueError("must name a file by its whole path, such as sqlite:////srv/site.db")
    return url.render_as_string(hide_password=False)


def broker_url(text: str) -> str:
    if urlsplit(text).scheme == "sentinel":
        raise ValueError("cannot be sentinel://: name a host that follows the primary, such as HAProxy's")
    if urlsplit(text).scheme not in {"embedded", "redis", "rediss"}:
        raise ValueError("must begin with redis:// or rediss:// (or be embedded://)")
    if "ssl_" in urlsplit(text).query:
        raise ValueError("must not contain ssl_ options: rediss:// verifies certificates, see REDIS_CA_FILE")
    return text


def sender(text: str) -> str:
    """Return one address, with or without a name, as an email header has it."""
    try:
        found = validate_email(
            text, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False, allow_display_name=True
        )
    except EmailNotValidError:
        raise ValueError("must be one address, such as Your Site <noreply@your.domain>") from None
    if not text.isprintable() or not found.ascii_email:
        raise ValueError("contains a character that no email header can hold")
    return formataddr((found.display_name or "", found.ascii_email))
