"""The one table of checks: start refuses errors and logs warnings."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from flaskcelery.config.derived import derive
from flaskcelery.config.settings import (
    LOOPBACK,
    PLACEHOLDER_SENDER,
    Config,
    ConfigError,
    fill_development_defaults,
    parse_settings,
)

MIN_KEY_LENGTH = 50
MIN_KEY_VARIETY = 5


@dataclass(frozen=True)
class Check:
    """One thing that may be wrong with a configuration."""

    message: str
    is_wrong: Callable[[Config], object]
    production_only: bool = True
    error: bool = True


def _is_weak(key: str) -> bool:
    return not key.isascii() or len(key) < MIN_KEY_LENGTH or len(set(key)) < MIN_KEY_VARIETY


def _is_unreal_sender(sender: str) -> bool:
    domain = sender.rpartition("@")[2].strip("> ").lower()
    return sender == PLACEHOLDER_SENDER or bool(
        re.search(r"(^|\.)(example(\.\w+)?|invalid|localhost|test)$", domain)
    )


def _is_plain_http(url: str) -> bool:
    return url.startswith("http:") and urlsplit(url).hostname not in LOOPBACK


def _is_bad_argon2(text: str) -> bool:
    match = re.fullmatch(r"m=(\d+),t=(\d+),p=(\d+)", text)
    return match is None or int(match[1]) < 8 * int(match[3]) or 0 in (int(match[2]), int(match[3]))


def _is_weak_argon2(text: str) -> bool:
    """OWASP Password Storage: 19 MiB and two passes, or more memory and one."""
    memory, passes = (int(number) for number in re.findall(r"\d+", text)[:2])
    return memory * passes < 19456 * 2


CHECKS = (
    Check("SECRET_KEY is missing", lambda c: not c["SECRET_KEY"]),
    Check(
        f"SECRET_KEY is weak: use at least {MIN_KEY_LENGTH} random ASCII characters, such as the output of: "
        'python3 -c "import secrets; print(secrets.token_hex(32))"',
        lambda c: c["SECRET_KEY"] and _is_weak(c["SECRET_KEY"]),
    ),
    Check("DEBUG is on", lambda c: c["DEBUG"]),
    Check("TESTING is on", lambda c: c["TESTING"]),
    Check("LOGIN_DISABLED is on: every page would be open", lambda c: c["LOGIN_DISABLED"]),
    Check("WTF_CSRF_ENABLED is off: forms could be forged", lambda c: not c["WTF_CSRF_ENABLED"]),
    Check("MAIL_SUPPRESS_SEND is on: no mail would leave", lambda c: c["MAIL_SUPPRESS_SEND"]),
    Check("MAIL_BACKEND is console: no mail would leave", lambda c: c["MAIL_BACKEND"] == "console"),
    Check("PUBLIC_URL is missing", lambda c: not c["PUBLIC_URL"]),
    Check(
        "PUBLIC_URL must be https:// (plain http on loopback only)", lambda c: _is_plain_http(c["PUBLIC_URL"])
    ),
    Check("MAIL_DEFAULT_SENDER is not a real address", lambda c: _is_unreal_sender(c["MAIL_DEFAULT_SENDER"])),
    Check(
        "ARGON2_PARAMETERS are weaker than m=19456,t=2,p=1", lambda c: _is_weak_argon2(c["ARGON2_PARAMETERS"])
    ),
    Check(
        "DATABASE_URL is SQLite: fine for one host, lost with its disk",
        lambda c: c["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"),
        error=False,
    ),
    Check(
        "CELERY_BROKER_URL is embedded: rate limits would be counted by each process alone",
        lambda c: c["CELERY_BROKER_URL"].startswith("embedded:"),
        error=False,
    ),
    Check(
        "MAIL_SERVER is missing (MAIL_BACKEND is smtp)",
        lambda c: c["MAIL_BACKEND"] == "smtp" and not c["MAIL_SERVER"],
        production_only=False,
    ),
    Check(
        "MAIL_USERNAME without MAIL_USE_TLS or MAIL_USE_SSL would send the password in clear",
        lambda c: c["MAIL_USERNAME"] and not (c["MAIL_USE_TLS"] or c["MAIL_USE_SSL"]),
        production_only=False,
    ),
    Check(
        "MAIL_USE_TLS and MAIL_USE_SSL exclude each other",
        lambda c: c["MAIL_USE_TLS"] and c["MAIL_USE_SSL"],
        production_only=False,
    ),
    Check(
        "MAIL_USERNAME and MAIL_PASSWORD go together, in ASCII",
        lambda c: (
            bool(c["MAIL_USERNAME"]) != bool(c["MAIL_PASSWORD"])
            or not (c["MAIL_USERNAME"] + c["MAIL_PASSWORD"]).isascii()
        ),
        production_only=False,
    ),
    Check(
        "MAIL_CA_FILE cannot be read",
        lambda c: c["MAIL_CA_FILE"] and not os.access(c["MAIL_CA_FILE"], os.R_OK),
        production_only=False,
    ),
    Check(
        "Python runs with -OO, which removes the sentences that visitors see",
        lambda _: sys.flags.optimize > 1,
        production_only=False,
    ),
    Check("MAIL_TIMEOUT must be more than 0", lambda c: c["MAIL_TIMEOUT"] <= 0, production_only=False),
)


def load_config(environ: Mapping[str, str]) -> tuple[Config, list[str]]:
    """Return the complete configuration and its warnings; raise ConfigError with all problems at once."""
    problems: list[str] = []
    config = parse_settings(environ, problems)
    production = config["APP_ENV"] == "production"
    if not production:
        fill_development_defaults(config)
    config["MAIL_BACKEND"] = config["MAIL_BACKEND"] or "smtp"
    if _is_bad_argon2(config["ARGON2_PARAMETERS"]):
        problems.append("ARGON2_PARAMETERS must look like m=19456,t=2,p=1 (m in KiB, at least 8 times p)")
        config["ARGON2_PARAMETERS"] = "m=19456,t=2,p=1"
    config.update(derive(config))
    wrong = [c for c in CHECKS if (production or not c.production_only) and c.is_wrong(config)]
    problems += [check.message for check in wrong if check.error]
    if problems:
        raise ConfigError("flaskcelery cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return config, [check.message for check in wrong if not check.error]
