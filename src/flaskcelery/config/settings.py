"""Every setting once: its name, type, default and meaning; what can be derived is derived here too."""

import functools
import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formataddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).resolve().parents[3]
LOOPBACK = ("localhost", "127.0.0.1")
PLACEHOLDER_SENDER = "noreply@example.com"
ARGON2_DEFAULT = "m=19456,t=2,p=1"
ARGON2_MIN_MEMORY = 8  # KiB; RFC 9106, 3.1

Config = dict[str, Any]


class ConfigError(SystemExit):
    """Stops the start; its text lists every problem at once."""


def _flag(text: str) -> bool:
    return _one_of("0", "1")(text) == "1"


def _positive(text: str) -> int:
    if not re.fullmatch("0*[1-9][0-9]*", text):
        raise ValueError("must be a whole number of at least 1")
    return int(text)


def _port(text: str) -> int:
    if _positive(text) > 65535:  # noqa: PLR2004  16 bits
        raise ValueError("must be a port, at most 65535")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]+)?", text):
        raise ValueError("must be a number of seconds")
    return float(text)


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return text

    return parse


def _argon2(text: str) -> str:
    if not re.fullmatch("m=[0-9]+,t=[1-9][0-9]*,p=1", text) or int(text[2:].partition(",")[0]) < ARGON2_MIN_MEMORY:
        raise ValueError(f"must look like {ARGON2_DEFAULT} (m in KiB, at least {ARGON2_MIN_MEMORY}; p is 1)")
    return text


def _folder(text: str) -> str:
    return str(Path(text).expanduser().resolve())


def _database_url(text: str) -> str:
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


def _broker_url(text: str) -> str:
    if urlsplit(text).scheme not in {"embedded", "redis", "rediss"}:
        raise ValueError("must begin with redis:// (or be embedded://)")
    return text


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("must be a scheme and a host only, such as https://www.example.com")
    return text.rstrip("/")


def _sender(text: str) -> str:
    lenient = functools.partial(validate_email, check_deliverability=False, globally_deliverable=False)
    try:
        found = lenient(text, allow_smtputf8=False, allow_display_name=True)
    except EmailNotValidError:
        raise ValueError("must be one address, such as Your Site <noreply@your.domain>") from None
    if not text.isprintable() or not found.ascii_email:
        raise ValueError("holds a character that no mail header may hold")
    return formataddr((found.display_name or "", found.ascii_email))


@dataclass(frozen=True)
class Setting:
    """One setting: the same name in the environment, in `app.config` and in the docs."""

    name: str
    default: str
    parse: Callable[[str], Any] = str
    secret: bool = False  # may also be given as NAME_FILE, the path of a file that holds it


# An empty default means "not set"; .env.example says what each one means.
SETTINGS = (
    Setting("APP_ENV", "development", _one_of("development", "production")),
    Setting("SECRET_KEY", "", secret=True),
    Setting("DATABASE_URL", "", _database_url, secret=True),
    Setting("CELERY_BROKER_URL", "embedded://localhost", _broker_url, secret=True),
    Setting("PUBLIC_URL", "", _public_url),
    Setting("SITE_NAME", "flaskcelery"),
    Setting("INSTANCE_PATH", str(ROOT / "instance"), _folder),
    Setting("PORT", "8000", _port),
    Setting("LOG_LEVEL", "INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR")),
    Setting("MAIL_BACKEND", "", _one_of("console", "smtp")),
    Setting("MAIL_SERVER", ""),
    Setting("MAIL_PORT", "", _port),
    Setting("MAIL_USE_TLS", "0", _flag),
    Setting("MAIL_USE_SSL", "0", _flag),
    Setting("MAIL_USERNAME", ""),
    Setting("MAIL_PASSWORD", "", secret=True),
    Setting("MAIL_DEFAULT_SENDER", PLACEHOLDER_SENDER, _sender),
    Setting("MAIL_TIMEOUT", "10", _seconds),
    Setting("MAIL_CA_FILE", ""),
    Setting("PASSWORD_MIN_LENGTH", "8", _positive),
    Setting("ARGON2_PARAMETERS", ARGON2_DEFAULT, _argon2),
    Setting("OUTBOX_RETRY_AFTER", "30", _seconds),
    Setting("OUTBOX_GIVE_UP_AFTER", "86400", _seconds),
    Setting("OUTBOX_KEEP_DAYS", "30", _positive),
    Setting("SIMULATED_WORK_SECONDS", "0", _seconds),
)

# The libraries' own switches, for development and tests only; production refuses each one that is thrown.
SWITCHES = (
    Setting("DEBUG", "0", _flag),
    Setting("TESTING", "0", _flag),
    Setting("LOGIN_DISABLED", "0", _flag),
    Setting("WTF_CSRF_ENABLED", "1", _flag),
    Setting("MAIL_SUPPRESS_SEND", "0", _flag),
)


def read_environ() -> Mapping[str, str]:
    """Return `.env` of the project's folder with the environment on top of it."""
    from_file = {name: value or "" for name, value in dotenv_values(ROOT / ".env").items()}
    return {**from_file, **os.environ, "DEBUG": os.environ.get("FLASK_DEBUG", "0") or "0"}


def parse_settings(environ: Mapping[str, str]) -> tuple[Config, list[str]]:
    """Return every setting by name, and a sentence for each that cannot be read; that one has its default."""
    config: Config = {}
    problems = []
    for setting in (*SETTINGS, *SWITCHES):
        config[setting.name] = setting.parse(setting.default) if setting.default else ""
        try:
            if text := _read_one(setting, environ):
                config[setting.name] = setting.parse(text)
        except (ValueError, OSError) as error:
            problems.append(f"{setting.name} {error}")
    return config, problems


def _read_one(setting: Setting, environ: Mapping[str, str]) -> str:
    value, path = environ.get(setting.name, ""), environ.get(f"{setting.name}_FILE", "")
    if not setting.secret or not path:
        return value.strip()
    if value:
        raise ValueError(f"and {setting.name}_FILE are both set")
    return Path(path).read_text().strip()


def fill_development_defaults(config: Config) -> None:
    """Complete what a bare development machine does not set: address, mail on the console, a secret key."""
    config["PUBLIC_URL"] = config["PUBLIC_URL"] or f"http://127.0.0.1:{config['PORT']}"
    config["MAIL_BACKEND"] = config["MAIL_BACKEND"] or "console"
    with suppress(OSError):  # a check says what is wrong with the folder
        config["SECRET_KEY"] = config["SECRET_KEY"] or _keep_secret(Path(config["INSTANCE_PATH"]))


def _keep_secret(instance: Path) -> str:
    """Return the key kept under `instance/`; make it once, even when several processes start together."""
    path = instance / "secret_key"
    if not path.exists():
        instance.mkdir(parents=True, exist_ok=True)
        draft = instance / f"secret_key.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        with suppress(FileExistsError):
            path.hardlink_to(draft)  # unlike a rename, this never replaces the key of another process
        draft.unlink()
    return path.read_text().strip()
