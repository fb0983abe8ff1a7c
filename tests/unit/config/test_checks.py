"""Settings: everything wrong is said at once, production refuses what is not safe, deadlines nest."""

import hashlib
from pathlib import Path

import pytest

from flaskcelery.app import create_app
from flaskcelery.config.checks import load_config
from flaskcelery.config.settings import SETTINGS, ConfigError

STRONG_KEY = hashlib.sha256(b"tests").hexdigest()
PRODUCTION = {
    "APP_ENV": "production",
    "SECRET_KEY": STRONG_KEY,
    "DATABASE_URL": "postgresql://app:pw@db/app?sslmode=verify-full",
    "CELERY_BROKER_URL": "rediss://redis/0",
    "PUBLIC_URL": "https://www.shop.dev",
    "MAIL_SERVER": "mail.shop.dev",
    "MAIL_USE_TLS": "1",
    "MAIL_DEFAULT_SENDER": "noreply@shop.dev",
}


def problems_of(**changes: str) -> str:
    """Return what the start with PRODUCTION and these changes says, or nothing."""
    try:
        load_config({**PRODUCTION, **changes})
    except ConfigError as error:
        return str(error)
    return ""


def test_a_complete_production_configuration_starts_without_a_warning() -> None:
    assert load_config(PRODUCTION)[1] == []


@pytest.mark.requirement(49)
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is weak"),
        ({"SECRET_KEY": "a" * 64}, "SECRET_KEY is weak"),
        ({"SECRET_KEY": "abcde" * 10}, "SECRET_KEY is weak"),
        ({"SECRET_KEY": "0123456789abcdef" * 4}, "SECRET_KEY is weak"),
        ({"SECRET_KEY": "é" * 20 + STRONG_KEY}, "SECRET_KEY is weak"),
        ({"SECRET_KEY_FALLBACKS": f"{STRONG_KEY},short"}, "SECRET_KEY_FALLBACKS holds a weak key"),
        ({"DEBUG": "1"}, "DEBUG is on"),
        ({"TESTING": "1"}, "TESTING is on"),
        ({"WTF_CSRF_ENABLED": "0"}, "WTF_CSRF_ENABLED is off"),
        ({"MAIL_SUPPRESS_SEND": "1"}, "MAIL_SUPPRESS_SEND is on"),
        ({"MAIL_BACKEND": "console"}, "MAIL_BACKEND is console"),
        ({"MAIL_SERVER": ""}, "MAIL_SERVER is missing"),
        ({"PUBLIC_URL": ""}, "PUBLIC_URL is missing"),
        ({"PUBLIC_URL": "http://www.shop.dev"}, "PUBLIC_URL must be https://"),
        ({"PUBLIC_URL": "www.shop.dev"}, "PUBLIC_URL must be a scheme and a host"),
        ({"MAIL_DEFAULT_SENDER": ""}, "MAIL_DEFAULT_SENDER is not a real address"),
        ({"MAIL_DEFAULT_SENDER": "a@sub.example.org"}, "MAIL_DEFAULT_SENDER is not a real address"),
        ({"MAIL_DEFAULT_SENDER": "nobody"}, "MAIL_DEFAULT_SENDER must be one address"),
        ({"MAIL_DEFAULT_SENDER": "a@shop.dev, b@shop.dev"}, "MAIL_DEFAULT_SENDER must be one address"),
        ({"MAIL_DEFAULT_SENDER": "Shop \u2028 <a@shop.dev>"}, "no email header can hold"),
        ({"MAIL_USERNAME": "u", "MAIL_PASSWORD": "p", "MAIL_USE_TLS": ""}, "would send the password in clear"),
        ({"MAIL_USERNAME": "u", "MAIL_USE_TLS": "1"}, "go together"),
        ({"MAIL_USERNAME": "ü", "MAIL_PASSWORD": "p", "MAIL_USE_TLS": "1"}, "must be ASCII"),
        ({"MAIL_CA_FILE": "/nowhere/ca.pem"}, "MAIL_CA_FILE cannot be read"),
        ({"REDIS_CA_FILE": "/nowhere/ca.pem"}, "REDIS_CA_FILE cannot be read"),
        (
            {"CELERY_BROKER_URL": "rediss://redis/0?ssl_cert_reqs=none"},
            "CELERY_BROKER_URL must not contain ssl_ options",
        ),
        ({"MAIL_USE_TLS": "yes"}, "MAIL_USE_TLS must be one of: 0, 1"),
        ({"MAIL_USE_TLS": "1", "MAIL_USE_SSL": "1"}, "exclude each other"),
        ({"MAIL_TIMEOUT": "0"}, "MAIL_TIMEOUT must be more than 0"),
        ({"MAIL_PORT": "²"}, "MAIL_PORT must be a whole number"),
        ({"ARGON2_PARAMETERS": "m=8,t=1,p=1"}, "weaker than"),
        ({"ARGON2_PARAMETERS": "strong"}, "must look like"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL must begin with"),
        ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL must name a file by its whole path"),
        ({"DATABASE_URL": "sqlite:///site.db"}, "DATABASE_URL must name a file by its whole path"),
        ({"INSTANCE_PATH": "/dev/null/x"}, "INSTANCE_PATH must be a folder"),
        ({"OUTBOX_EXPIRE_AFTER": "0"}, "OUTBOX_EXPIRE_AFTER must be more than 0"),
        ({"PASSWORD_MIN_LENGTH": "65"}, "PASSWORD_MIN_LENGTH may be 64 at most"),
        ({"SIGN_UP": "shut"}, "SIGN_UP must be one of: open, invite, closed"),
        ({"SIGN_UP_DOMAINS": "not_a_domain"}, "SIGN_UP_DOMAINS must be domains"),
        ({"SIGN_UP_REVEALS_EMAIL": "0"}, "SIGN_UP_REVEALS_EMAIL=0 needs EMAIL_CONFIRMATION_REQUIRED=1"),
        ({"PASSWORD_BREACH_CHECK": "file:///etc/"}, "PASSWORD_BREACH_CHECK must be 0, 1, or a URL that ends in /"),
        ({"SENTRY_DSN": "https://sentry.your.domain/1"}, "SENTRY_DSN must be a DSN"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL"),
        ({"PORT": "65536"}, "PORT must be a port"),
        ({"CELERY_BROKER_URL": "sentinel://a:26379;sentinel://b:26379"}, "CELERY_BROKER_URL cannot be sentinel://"),
        ({"CELERY_BROKER_URL": "amqp://x"}, "CELERY_BROKER_URL must begin with"),
        ({"APP_ENV": "prod"}, "APP_ENV must be one of"),
    ],
)
def test_production_refuses(changes: dict[str, str], sentence: str) -> None:
    assert sentence in problems_of(**changes)


def test_every_problem_is_said_at_once_a_line_each() -> None:
    text = problems_of(SECRET_KEY="", DEBUG="1", MAIL_SERVER="", PORT="many")
    assert len(text.splitlines()) == 1 + 4


@pytest.mark.defect("D15")
def test_a_missing_key_stops_the_start_of_the_application_itself() -> None:
    with pytest.raises(SystemExit, match="SECRET_KEY is missing"):
        create_app({**PRODUCTION, "SECRET_KEY": ""})


def test_production_warns_of_sqlite_and_of_counters_in_each_process() -> None:
    warnings = load_config({**PRODUCTION, "DATABASE_URL": "", "CELERY_BROKER_URL": ""})[1]
    assert [warning.split()[0] for warning in warnings] == ["DATABASE_URL", "CELERY_BROKER_URL"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"RATELIMIT_ENABLED": "0"}, "RATELIMIT_ENABLED is off"),
        ({"PUBLIC_URL": "http://localhost:8080"}, "PUBLIC_URL is http"),
        ({"PASSWORD_MIN_LENGTH": "7"}, "PASSWORD_MIN_LENGTH is below 8"),
        ({"SIGN_UP_DOMAINS": "shop.dev"}, "SIGN_UP_DOMAINS without EMAIL_CONFIRMATION_REQUIRED=1"),
    ],
)
def test_production_warns_of(changes: dict[str, str], sentence: str) -> None:
    [warning] = load_config({**PRODUCTION, **changes})[1]
    assert sentence in warning


def test_production_warns_of_a_secret_that_others_can_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(STRONG_KEY)
    environ = {**PRODUCTION, "SECRET_KEY": "", "SECRET_KEY_FILE": str(tmp_path / "key")}
    for mode in (0o644, 0o604, 0o620):
        (tmp_path / "key").chmod(mode)
        assert load_config(environ)[1] == ["SECRET_KEY_FILE is open to others: chmod 600"]
    for mode in (0o600, 0o400, 0o440):
        (tmp_path / "key").chmod(mode)
        assert load_config(environ)[1] == []


def test_plain_http_is_for_loopback_only_and_cookies_follow_the_scheme() -> None:
    local, _ = load_config({**PRODUCTION, "PUBLIC_URL": "http://localhost:8080"})
    public, _ = load_config(PRODUCTION)
    assert (local["SESSION_COOKIE_SECURE"], local["SESSION_COOKIE_NAME"]) == (False, "session")
    assert (public["SESSION_COOKIE_SECURE"], public["SESSION_COOKIE_NAME"]) == (True, "__Host-session")
    assert public["TRUSTED_HOSTS"] == ["www.shop.dev"]


@pytest.mark.parametrize(("timeout", "work"), [("0.1", "0"), ("10", "0"), ("10", "5"), ("60", "300")])
def test_deadlines_nest_whatever_the_time_out(timeout: str, work: str) -> None:
    config, _ = load_config({**PRODUCTION, "MAIL_TIMEOUT": timeout, "SIMULATED_WORK_SECONDS": work})
    limit = config["CELERY"]["task_time_limit"]
    assert config["MAIL_TIMEOUT"] < config["MAIL_SEND_DEADLINE"] < limit < config["OUTBOX_LEASE"]
    assert float(work) + config["MAIL_SEND_DEADLINE"] < limit
    assert config["OUTBOX_LEASE"] < config["CELERY"]["broker_transport_options"]["visibility_timeout"]


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(STRONG_KEY + "\n")
    config, _ = load_config({**PRODUCTION, "SECRET_KEY": "", "SECRET_KEY_FILE": str(tmp_path / "key")})
    assert config["SECRET_KEY"] == STRONG_KEY
    assert "SECRET_KEY and SECRET_KEY_FILE are both set" in problems_of(SECRET_KEY_FILE=str(tmp_path / "key"))
    assert "MAIL_PASSWORD [Errno 2] No such file" in problems_of(MAIL_PASSWORD_FILE=str(tmp_path / "missing"))


def test_earlier_keys_are_separated_by_commas_or_white_space_and_can_come_from_a_file(tmp_path: Path) -> None:
    first, second, third = keys = [STRONG_KEY, STRONG_KEY[::-1], STRONG_KEY[1:]]
    (tmp_path / "keys").write_text(f"{first}, {second}\n{third}\n")
    config, _ = load_config({**PRODUCTION, "SECRET_KEY_FALLBACKS_FILE": str(tmp_path / "keys")})
    assert config["SECRET_KEY_FALLBACKS"] == keys


def test_a_postgres_url_of_any_spelling_gets_the_driver_that_is_installed() -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        config, _ = load_config({**PRODUCTION, "DATABASE_URL": f"{scheme}://app:p%40w@db/app"})
        assert config["SQLALCHEMY_DATABASE_URI"] == "postgresql+psycopg://app:p%40w@db/app"


def test_there_are_few_settings_and_the_example_explains_each_one() -> None:
    example = (Path(__file__).parents[3] / ".env.example").read_text()
    explained = [line.lstrip("# ").partition("=")[0] for line in example.splitlines() if "=" in line]
    assert len(SETTINGS) <= 40
    assert [setting.name for setting in SETTINGS] == [name for name in explained if name.isupper()]
