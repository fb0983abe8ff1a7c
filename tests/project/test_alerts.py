"""The alerts: valid, each proved by samples to fire and to be silent, each explained, and of metrics that exist."""

import re
import subprocess

from flask.testing import FlaskClient

from flaskcelery.audit.events import Event
from tests.processes import ROOT, find_program

RULES, SAMPLES = ROOT / "deploy/alerts.yml", ROOT / "tests/project/alerts_test.yml"
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())


def promtool(*words: object) -> None:
    """Run Prometheus's own checker of rules."""
    result = subprocess.run([find_program("promtool"), *map(str, words)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_prometheus_accepts_the_rules_and_the_configuration() -> None:
    promtool("check", "rules", RULES)
    promtool("check", "config", ROOT / "deploy/prometheus.yml")


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", SAMPLES)
    text = SAMPLES.read_text()
    for alert in ALERTS:
        cases = re.findall(rf"alertname: {alert}\n(\s+exp_alerts: \[\])?", text)
        assert {bool(is_silent) for is_silent in cases} == {True, False}, alert


def test_operations_say_of_each_alert_what_to_do() -> None:
    told = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert set(ALERTS) <= set(told)


def test_alerts_name_only_metrics_that_there_are(client: FlaskClient) -> None:
    client.post("/accounts/login/")
    text = client.get("/metrics").text
    for name in set(re.findall(r"flaskcelery_\w+", RULES.read_text())):
        assert f"# TYPE {re.sub('_(count|bucket)$', '', name)} " in text, name


def test_alerts_name_only_events_of_the_audit_trail() -> None:
    """Renaming an event would silence the alert on failed logins, and nothing else would tell."""
    named = re.findall(r'event="([^"]*)"', RULES.read_text())
    assert named == [Event.LOG_IN_FAILED]


def test_metrics_show_the_outbox_as_it_is_and_never_a_name(client: FlaskClient) -> None:
    answer = client.get("/metrics")
    assert answer.mimetype == "text/plain"
    lines = answer.text.splitlines()
    for name in (
        "pending",
        "due",
        "failed",
        "oldest_pending_seconds",
        "sent_total",
        "retried_total",
        "late_results_total",
    ):
        assert f"flaskcelery_outbox_{name} 0.0" in lines, name
    assert "flaskcelery_database_up 1.0" in lines
