"""The tables of checks: errors prevent the start and are reported all at once; warnings are logged."""

import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import URL, make_url
from zxcvbn_rs_py import zxcvbn

from flaskcelery.config.derived import derive
from flaskcelery.config.parsers import ARGON2_DEFAULT
from flaskcelery.config.settings import LOOPBACK, SETTINGS, Config, ConfigError, make_private, parse_settings

MIN_KEY_LENGTH = 50
MIN_KEY_GUESSES = 2**64 - 1  # the highest estimate that there is; repetitions, words and rows of keys have a lower one
OWASP_COST = 19456 * 2  # KiB x passes; OWASP Password Storage: 19 MiB and two passes, or more memory and one

# A message, and the condition under which it is shown.
OTEL = "OTEL_EXPORTER_OTLP_ENDPOINT"
Check = tuple[str, Callable[[Config], object]]


def _is_weak(key: str) -> bool:
    return not key.isascii() or len(key) < MIN_KEY_LENGTH or zxcvbn(key[:100]).guesses < MIN_KEY_GUESSES


def _is_unreal_sender(sender: str) -> bool:
    return bool(re.search(r"[@.](example(\.\w+)?|invalid|localhost|test)>?$", sender.lower()))


def _host_of(url: str, scheme: str) -> str:
    """Return the host of a URL with this scheme, or "" if it has another one."""
    found = urlsplit(url)
    return (found.hostname or "") if found.scheme == scheme else ""


def _is_plain_http(url: str) -> bool:
    return _host_of(url, "http") not in {"", *LOOPBACK}


def _is_unreadable(path: str) -> bool:
    return bool(path) and not os.access(path, os.R_OK)


def _is_unwritable(folder: str) -> bool:
    with suppress(OSError):
        make_private(Path(folder))
    return not (os.path.isdir(folder) and os.access(folder, os.W_OK))


ERRORS: tuple[Check, ...] = (
    ("SECRET_KEY is missing (in development: instance/secret_key cannot be read)", lambda c: not c["SECRET_KEY"]),
    ("MAIL_SERVER is missing (MAIL_BACKEND is smtp)", lambda c: c["MAIL_BACKEND"] == "smtp" and not c["MAIL_SERVER"]),
    (
        "MAIL_USERNAME without MAIL_USE_TLS or MAIL_USE_SSL would send the password in clear",
        lambda c: c["MAIL_USERNAME"] and not (c["MAIL_USE_TLS"] or c["MAIL_USE_SSL"]),
    ),
    ("MAIL_USE_TLS and MAIL_USE_SSL exclude each other", lambda c: c["MAIL_USE_TLS"] and c["MAIL_USE_SSL"]),
    ("MAIL_USERNAME and MAIL_PASSWORD go together", lambda c: bool(c["MAIL_USERNAME"]) != bool(c["MAIL_PASSWORD"])),
    (
        "MAIL_USERNAME and MAIL_PASSWORD must be ASCII",
        lambda c: not (c["MAIL_USERNAME"] + c["MAIL_PASSWORD"]).isascii(),
    ),
    ("REDIS_CA_FILE cannot be read", lambda c: _is_unreadable(c["REDIS_CA_FILE"])),
    ("MAIL_CA_FILE cannot be read", lambda c: _is_unreadable(c["MAIL_CA_FILE"])),
    ("INSTANCE_PATH must be a folder that can be written to", lambda c: _is_unwritable(c["INSTANCE_PATH"])),
    ("SENTRY_DSN needs the package sentry-sdk", lambda c: c["SENTRY_DSN"] and not find_spec("sentry_sdk")),
    (f"{OTEL} needs the packages of requirements/otel.txt", lambda c: c[OTEL] and not find_spec("opentelemetry")),
    ("MAIL_TIMEOUT must be more than 0", lambda c: c["MAIL_TIMEOUT"] <= 0),
    ("OUTBOX_EXPIRE_AFTER must be more than 0", lambda c: c["OUTBOX_EXPIRE_AFTER"] <= 0),
    ("PASSWORD_MIN_LENGTH may be 64 at most", lambda c: c["PASSWORD_MIN_LENGTH"] > 64),  # noqa: PLR2004  ASVS 6.2.9
    (
        "SIGN_UP_REVEALS_EMAIL=0 needs EMAIL_CONFIRMATION_REQUIRED=1: otherwise, a login after the sign-up reveals it",
        lambda c: not (c["SIGN_UP_REVEALS_EMAIL"] or c["EMAIL_CONFIRMATION_REQUIRED"]),
    ),
    ("Python runs with -OO, which removes the sentences that visitors see", lambda _: sys.flags.optimize > 1),
)

PRODUCTION_ERRORS: tuple[Check, ...] = (
    (
        f"SECRET_KEY is weak: use at least {MIN_KEY_LENGTH} random ASCII characters, such as the output of: "
        'python3 -c "import secrets; print(secrets.token_hex(32))"',
        lambda c: c["SECRET_KEY"] and _is_weak(c["SECRET_KEY"]),
    ),
    (
        "SECRET_KEY_FALLBACKS holds a weak key: each one opens every session, as SECRET_KEY does",
        lambda c: any(map(_is_weak, c["SECRET_KEY_FALLBACKS"])),
    ),
    ("DEBUG is on", lambda c: c["DEBUG"]),
    ("TESTING is on", lambda c: c["TESTING"]),
    ("WTF_CSRF_ENABLED is off: forms could be forged", lambda c: not c["WTF_CSRF_ENABLED"]),
    ("MAIL_SUPPRESS_SEND is on: no mail would leave", lambda c: c["MAIL_SUPPRESS_SEND"]),
    ("MAIL_BACKEND is console: no mail would leave", lambda c: c["MAIL_BACKEND"] == "console"),
    ("PUBLIC_URL is missing", lambda c: not c["PUBLIC_URL"]),
    ("PUBLIC_URL must be https:// (plain http on loopback only)", lambda c: _is_plain_http(c["PUBLIC_URL"])),
    ("MAIL_DEFAULT_SENDER is not a real address", lambda c: _is_unreal_sender(c["MAIL_DEFAULT_SENDER"])),
    (
        f"ARGON2_PARAMETERS are weaker than {ARGON2_DEFAULT}",
        lambda c: math.prod(c["ARGON2_PARAMETERS"][:2]) < OWASP_COST,
    ),
)

PRODUCTION_WARNINGS: tuple[Check, ...] = (
    (
        "DATABASE_URL is SQLite: fine for one host, lost with its disk",
        lambda c: c["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"),
    ),
    (
        "CELERY_BROKER_URL is embedded: rate limits would be counted by each process alone",
        lambda c: c["CELERY_BROKER_URL"].startswith("embedded:"),
    ),
    ("RATELIMIT_ENABLED is off: passwords could be guessed without end", lambda c: not c["RATELIMIT_ENABLED"]),
    (
        "PUBLIC_URL is http: cookies are sent in clear, and browsers are not told to insist on https (HSTS)",
        lambda c: c["PUBLIC_URL"].startswith("http:"),
    ),
    (
        "SIGN_UP_DOMAINS without EMAIL_CONFIRMATION_REQUIRED=1: anybody can sign up with somebody else's email",
        lambda c: c["SIGN_UP_DOMAINS"] and not c["EMAIL_CONFIRMATION_REQUIRED"],
    ),
    ("PASSWORD_MIN_LENGTH is below 8 (OWASP ASVS 6.2.1)", lambda c: c["PASSWORD_MIN_LENGTH"] < 8),  # noqa: PLR2004
)


# What to say, and the host that is then reached without TLS.
CLEAR_TEXT: tuple[tuple[str, Callable[[Config], str]], ...] = (
    (
        "MAIL_SERVER gets reset links in clear text: set MAIL_USE_TLS=1 or MAIL_USE_SSL=1",
        lambda c: "" if c["MAIL_USE_TLS"] or c["MAIL_USE_SSL"] else c["MAIL_SERVER"],
    ),
    (
        "DATABASE_URL allows clear text: add ?sslmode=verify-full (or require)",
        lambda c: _clear_text_host(make_url(c["SQLALCHEMY_DATABASE_URI"])),
    ),
    (
        "DATABASE_MIGRATION_URL allows clear text: add ?sslmode=verify-full (or require)",
        lambda c: c["DATABASE_MIGRATION_URL"] and _clear_text_host(make_url(c["DATABASE_MIGRATION_URL"])),
    ),
    ("CELERY_BROKER_URL is clear text: use rediss://", lambda c: _host_of(c["CELERY_BROKER_URL"], "redis")),
    ("PASSWORD_BREACH_CHECK is clear text: use https://", lambda c: _host_of(c["PASSWORD_BREACH_CHECK"], "http")),
    ("SENTRY_DSN is clear text: use https://", lambda c: _host_of(c["SENTRY_DSN"], "http")),
    (f"{OTEL} is clear text: use https://", lambda c: _host_of(c[OTEL], "http")),
)


def _clear_text_host(database: URL) -> str:
    if database.query.get("sslmode") in {"require", "verify-ca", "verify-full"}:
        return ""
    host = database.host or str(database.query.get("host", ""))
    return "" if host.startswith("/") else host  # the folder of a Unix socket


def find_problems(environ: Mapping[str, str], is_strict: bool = False) -> tuple[Config, list[str], list[str]]:
    """Return the complete configuration, its errors and its warnings; `is_strict` makes clear text an error."""
    config, errors = parse_settings(environ)
    config.update(derive(config))
    errors += _find_wrong(ERRORS, config)
    if config["APP_ENV"] != "production":
        return config, errors, []
    warnings = _find_wrong(PRODUCTION_WARNINGS, config) + _find_open_files(environ)
    (errors if is_strict else warnings).extend(_find_clear_text(config))
    return config, errors + _find_wrong(PRODUCTION_ERRORS, config), warnings


def load_config(environ: Mapping[str, str]) -> tuple[Config, list[str]]:
    """Return the complete configuration and its warnings; raise ConfigError with all problems at once."""
    config, errors, warnings = find_problems(environ)
    if errors:
        raise ConfigError(list_all({"flaskcelery cannot start:": errors, "Warnings:": warnings}))
    return config, warnings


def list_all(found: Mapping[str, list[str]]) -> str:
    """Return the sentences below their headings, a line each."""
    return "\n".join("\n  - ".join([heading, *sentences]) for heading, sentences in found.items() if sentences)


def _find_wrong(checks: tuple[Check, ...], config: Config) -> list[str]:
    return [message for message, is_wrong in checks if is_wrong(config)]


def _find_clear_text(config: Config) -> list[str]:
    meant = {"", *LOOPBACK, "::1", *config["CLEARTEXT_HOSTS"]}
    found = [(message, find_host(config)) for message, find_host in CLEAR_TEXT]
    return [f"{message}, or CLEARTEXT_HOSTS={host} if it is meant" for message, host in found if host not in meant]


def _find_open_files(environ: Mapping[str, str]) -> list[str]:
    """Return a warning for each secret's file that others can read, or that anyone but its owner can change."""
    files = {f"{setting.name}_FILE": environ.get(f"{setting.name}_FILE", "") for setting in SETTINGS if setting.secret}
    # Its group can read it: a mounted secret often belongs to root, and the application is in its group.
    is_open = {name: os.path.isfile(path) and os.stat(path).st_mode & 0o027 for name, path in files.items()}
    return [f"{name} is open to others: chmod 600" for name, found in is_open.items() if found]
