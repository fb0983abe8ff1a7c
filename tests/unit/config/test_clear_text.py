"""Clear text to other hosts: a warning at start, an error for `flask check --deploy`, unless it is meant."""

import pytest

from flaskcelery.config.checks import find_problems, load_config
from tests.unit.config.test_checks import PRODUCTION

CLEAR = {
    "MAIL_SERVER": {"MAIL_USE_TLS": ""},
    "DATABASE_URL": {"DATABASE_URL": "postgresql://app:pw@10.0.0.7/app"},
    "DATABASE_MIGRATION_URL": {"DATABASE_MIGRATION_URL": "postgresql://app:pw@10.0.0.8/app"},
    "CELERY_BROKER_URL": {"CELERY_BROKER_URL": "redis://:pw@redis:6379/0"},
    "SENTRY_DSN": {"SENTRY_DSN": "http://pw@sentry/1"},
    "OTEL_EXPORTER_OTLP_ENDPOINT": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"},
    "PASSWORD_BREACH_CHECK": {"PASSWORD_BREACH_CHECK": "http://breaches/range/"},
}
HOSTS = "mail.shop.dev, 10.0.0.7 10.0.0.8 redis breaches sentry collector"


@pytest.mark.requirement(57)
@pytest.mark.parametrize(("name", "changes"), CLEAR.items(), ids=CLEAR)
def test_clear_text_to_another_host_is_a_warning_and_for_a_deployment_an_error(
    name: str, changes: dict[str, str]
) -> None:
    environ = {**PRODUCTION, **changes}
    [warning] = load_config(environ)[1]
    assert warning.startswith(name)
    assert "pw" not in warning
    assert find_problems(environ, is_strict=True)[1:] == ([warning], [])


@pytest.mark.requirement(57)
def test_a_host_that_is_named_can_be_reached_in_clear_text_and_no_other_can() -> None:
    changes = {name: value for change in CLEAR.values() for name, value in change.items()}
    assert find_problems({**PRODUCTION, **changes, "CLEARTEXT_HOSTS": HOSTS}, is_strict=True)[1:] == ([], [])
    named = {"CLEARTEXT_HOSTS": "redis breaches sentry collector"}
    errors = find_problems({**PRODUCTION, **changes, **named}, is_strict=True)[1]
    assert [error.split()[0] for error in errors] == ["MAIL_SERVER", "DATABASE_URL", "DATABASE_MIGRATION_URL"]


@pytest.mark.parametrize(
    "changes",
    [
        {"MAIL_USE_TLS": "", "MAIL_USE_SSL": "1"},
        {"MAIL_USE_TLS": "", "MAIL_SERVER": "localhost"},
        {"DATABASE_URL": "postgresql://app@db/app?sslmode=require"},
        {"DATABASE_URL": "postgresql://app@127.0.0.1/app"},
        {"DATABASE_URL": "postgresql://app@[::1]/app"},
        {"DATABASE_URL": "postgresql:///app?host=/run/postgresql"},
        {"DATABASE_URL": "postgresql:///app"},
        {"CELERY_BROKER_URL": "redis://localhost/0"},
    ],
)
def test_tls_and_this_host_are_safe(changes: dict[str, str]) -> None:
    assert find_problems({**PRODUCTION, **changes}, is_strict=True)[1:] == ([], [])


@pytest.mark.requirement(57)
@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_a_mode_in_which_postgres_may_do_without_tls_is_clear_text(mode: str) -> None:
    environ = {**PRODUCTION, "DATABASE_URL": f"postgresql:///app?host=db&sslmode={mode}"}
    [error] = find_problems(environ, is_strict=True)[1]
    assert "CLEARTEXT_HOSTS=db" in error
