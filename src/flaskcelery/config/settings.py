"""Every setting once: its name, type and default, and where its value comes from."""

import fcntl
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from flaskcelery.config import parsers

PACKAGE = Path(__file__).resolve().parents[1]
IS_CHECKOUT = PACKAGE.parent.name == "src"
# Where .env, instance/ and the Procfile are; an installed package looks in the working directory.
ROOT = PACKAGE.parents[1] if IS_CHECKOUT else Path.cwd()
MIGRATIONS = (ROOT if IS_CHECKOUT else PACKAGE) / "migrations"
LOOPBACK = ("localhost", "127.0.0.1")

Config = dict[str, Any]


class ConfigError(SystemExit):
    """Stops the start; its text lists every problem at once."""


@dataclass(frozen=True)
class Setting:
    """One setting: the same name in the environment, in `app.config` and in the docs."""

    name: str
    default: str
    parse: Callable[[str], Any] = str
    secret: bool = False  # can also be given as NAME_FILE, the path of a file that holds it


# An empty default means "not set"; .env.example says what each one means.
SETTINGS = (
    Setting("APP_ENV", "development", parsers.one_of("development", "production")),
    Setting("SECRET_KEY", "", secret=True),
    Setting("SECRET_KEY_FALLBACKS", "", parsers.words, secret=True),
    Setting("DATABASE_URL", "", parsers.database_url, secret=True),
    Setting("DATABASE_MIGRATION_URL", "", parsers.database_url, secret=True),
    Setting("CELERY_BROKER_URL", "embedded://localhost", parsers.broker_url, secret=True),
    Setting("REDIS_CA_FILE", ""),
    Setting("CLEARTEXT_HOSTS", "", parsers.words),
    Setting("PUBLIC_URL", "", parsers.public_url),
    Setting("SITE_NAME", "flaskcelery"),
    Setting("INSTANCE_PATH", str(ROOT / "instance"), parsers.folder),
    Setting("PORT", "8000", parsers.port),
    Setting("TRUSTED_PROXIES", "0", parsers.whole),
    Setting("LOG_LEVEL", "INFO", parsers.one_of("DEBUG", "INFO", "WARNING", "ERROR")),
    Setting("SENTRY_DSN", "", parsers.sentry_dsn, secret=True),
    Setting("OTEL_EXPORTER_OTLP_ENDPOINT", "", parsers.otlp_endpoint),
    Setting("MAIL_BACKEND", "", parsers.one_of("console", "smtp")),
    Setting("MAIL_SERVER", ""),
    Setting("MAIL_PORT", "", parsers.port),
    Setting("MAIL_USE_TLS", "0", parsers.flag),
    Setting("MAIL_USE_SSL", "0", parsers.flag),
    Setting("MAIL_USERNAME", ""),
    Setting("MAIL_PASSWORD", "", secret=True),
    Setting("MAIL_DEFAULT_SENDER", "noreply@example.com", parsers.sender),
    Setting("MAIL_TIMEOUT", "10", parsers.seconds),
    Setting("MAIL_CA_FILE", ""),
    Setting("SIGN_UP", "open", parsers.one_of("open", "invite", "closed")),
    Setting("SIGN_UP_DOMAINS", "", parsers.domains),
    Setting("SIGN_UP_REVEALS_EMAIL", "1", parsers.flag),
    Setting("PASSWORD_MIN_LENGTH", "8", parsers.positive),
    Setting("PASSWORD_BREACH_CHECK", "0", parsers.breach_service),
    Setting("REQUIRE_TOTP", "none", parsers.one_of("none", "staff", "all")),
    Setting("EMAIL_CONFIRMATION_REQUIRED", "0", parsers.flag),
    Setting("UNCONFIRMED_KEEP_DAYS", "30", parsers.whole),
    Setting("ARGON2_PARAMETERS", parsers.ARGON2_DEFAULT, parsers.argon2),
    Setting("OUTBOX_RETRY_AFTER", "30", parsers.seconds),
    Setting("OUTBOX_EXPIRE_AFTER", "86400", parsers.seconds),
    Setting("OUTBOX_KEEP_DAYS", "30", parsers.positive),
    Setting("AUDIT_KEEP_DAYS", "90", parsers.positive),
    Setting("SIMULATED_WORK_SECONDS", "0", parsers.seconds),
)

# Switches of libraries, and one of ours, for development and tests only. Production refuses to start with them, but
# only warns about ours, RATELIMIT_ENABLED: a load test needs it.
SWITCHES = (
    Setting("DEBUG", "0", parsers.flag),
    Setting("TESTING", "0", parsers.flag),
    Setting("WTF_CSRF_ENABLED", "1", parsers.flag),
    Setting("MAIL_SUPPRESS_SEND", "0", parsers.flag),
    Setting("RATELIMIT_ENABLED", "1", parsers.flag),
)


def read_environ() -> Mapping[str, str]:
    """Return `.env` of the project's folder with the environment on top of it."""
    return {**_read_file(), **os.environ, "DEBUG": os.environ.get("FLASK_DEBUG", "0") or "0"}


def find_source(setting: Setting) -> str:
    """Return where the setting comes from: the environment, .env, or a file that one of them names."""
    environ, from_file = read_environ(), _read_file()
    for name in (setting.name, f"{setting.name}_FILE"):
        if (text := environ.get(name)) and (setting.secret or name == setting.name):
            # The `flask` command has put the file's values into the environment.
            place = ".env" if from_file.get(name) == text else "environment"
            return place if name == setting.name else f"{place}: {text}"
    return "default"


def _read_file() -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(ROOT / ".env").items()}


def parse_settings(environ: Mapping[str, str]) -> tuple[Config, list[str]]:
    """Return every setting, and a sentence for each one that cannot be read and keeps its default."""
    config: Config = {}
    problems = []
    for setting in (*SETTINGS, *SWITCHES):
        config[setting.name] = setting.parse(setting.default) if setting.default else ""
        try:
            if text := _read_one(setting, environ):
                config[setting.name] = setting.parse(text)
        except (ValueError, OSError) as error:
            problems.append(f"{setting.name} {error}")
    if config["APP_ENV"] == "development":
        _fill_development_defaults(config)
    config["MAIL_BACKEND"] = config["MAIL_BACKEND"] or "smtp"
    return config, problems


def _read_one(setting: Setting, environ: Mapping[str, str]) -> str:
    value, path = environ.get(setting.name, ""), environ.get(f"{setting.name}_FILE", "")
    if not setting.secret or not path:
        return value.strip()
    if value:
        raise ValueError(f"and {setting.name}_FILE are both set")
    return Path(path).read_text().strip()


def _fill_development_defaults(config: Config) -> None:
    """Fill in what a development machine does not set: URL, email on the console, a secret key."""
    config["PUBLIC_URL"] = config["PUBLIC_URL"] or f"http://127.0.0.1:{config['PORT']}"
    config["MAIL_BACKEND"] = config["MAIL_BACKEND"] or "console"
    with suppress(OSError):  # a check says that the key is missing
        config["SECRET_KEY"] = config["SECRET_KEY"] or _keep_secret(Path(config["INSTANCE_PATH"]))


def make_private(folder: Path) -> None:
    """Create the folder, open to this user only. The checkout's own folder comes from Git, which leaves it open."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder == ROOT / "instance" and folder.stat().st_uid == os.getuid():
        folder.chmod(0o700)


def _keep_secret(instance: Path) -> str:
    """Return the key kept under `instance/`; make it once, even when several processes start together."""
    make_private(instance)
    path = instance / "secret_key"
    path.touch(mode=0o600)
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # one process makes the key, the others wait and read it
        key = file.read().strip() or secrets.token_hex(32)
        file.seek(0)
        file.write(key)
    return key
