"""Metrics as Prometheus reads them, through nginx, from uWSGI's processes and real tables."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from tests.integration.stack import Stack
from tests.processes import BIN, HOST, ROOT, find_program, free_port, wait_until
from tests.servers import Redis

OLDEST = "flaskcelery_outbox_oldest_pending_seconds"


def fires(alert: str, samples: dict[str, float], folder: Path) -> bool:
    """Tell whether promtool finds the alert firing after half an hour in which every scrape is this one."""
    series = [{"series": name, "values": f"{value}x60"} for name, value in samples.items()]
    silence = {"eval_time": "30m", "alertname": alert, "exp_alerts": []}
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [silence]}
    (folder / "probe.yml").write_text(json.dumps({"rule_files": [str(ROOT / "deploy/alerts.yml")], "tests": [test]}))
    command = [find_program("promtool"), "test", "rules", str(folder / "probe.yml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0 or f'alertname="{alert}"' in result.stdout + result.stderr, result.stderr
    return result.returncode != 0


def test_while_no_email_leaves_the_oldest_age_rises_and_the_alert_is_true_and_then_it_falls(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    smtp = free_port()  # nobody listens there yet
    stack = make_stack(database="postgres", MAIL_PORT=str(smtp), OUTBOX_RETRY_AFTER="1").start_all()
    assert stack.scrape()[OLDEST] == 0
    assert not fires("EmailsDelayed", stack.scrape(), tmp_path)
    stack.sign_up("alice")
    first = stack.scrape()[OLDEST]
    wait_until(lambda: stack.scrape()["flaskcelery_outbox_retried_total"] > 0, 30, "it is tried again")
    second = stack.scrape()
    assert second[OLDEST] > first > 0
    assert second["flaskcelery_outbox_pending"] == 1
    with stack.engine.begin() as connection:  # ten minutes later
        connection.exec_driver_sql("UPDATE outbox SET created_at = created_at - interval '10 minutes'")
    assert stack.scrape()[OLDEST] > 600
    assert fires("EmailsDelayed", stack.scrape(), tmp_path)

    command = [BIN / "python", "-m", "aiosmtpd", "-n", "-l", f"{HOST}:{smtp}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        wait_until(lambda: stack.scrape()["flaskcelery_outbox_sent_total"] == 1, 60, "it is sent")
        server.terminate()
    healed = stack.scrape()
    assert (healed[OLDEST], healed["flaskcelery_outbox_pending"], healed["flaskcelery_outbox_due"]) == (0, 0, 0)
    assert not fires("EmailsDelayed", healed, tmp_path)


def test_all_web_processes_count_together_and_an_ended_one_is_not_forgotten(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    uwsgi = stack.start_web()
    count = 'flaskcelery_http_request_seconds_count{endpoint="auth.show_login",status="2xx"}'
    for _ in range(40):
        stack.visitor().get("/accounts/login/")
    assert stack.scrape()[count] == 40
    assert stack.visitor().get("/nothing").status == 404
    assert stack.visitor().log_in("nobody@example.com").status == 200
    samples = stack.scrape()
    assert samples['flaskcelery_http_request_seconds_count{endpoint="none",status="4xx"}'] == 1
    assert samples['flaskcelery_events_total{event="failed login"}'] == 1
    assert samples['flaskcelery_http_request_seconds_sum{endpoint="auth.submit_login",status="2xx"}'] > 0
    old = uwsgi.children()
    for child in old:
        subprocess.run(["kill", f"-{signal.SIGKILL.value}", str(child)], check=True)
    wait_until(lambda: len(set(uwsgi.children()) - set(old)) >= len(old), 30, "uWSGI has new workers")
    stack.visitor().get("/accounts/login/")
    assert stack.scrape()[count] == 42

    uwsgi.stop()
    stack.start_uwsgi()
    assert stack.scrape().get(count, 0) == 0, "a new master begins anew"


def test_a_broker_that_is_away_opens_the_breaker_and_refused_tries_are_counted(
    make_stack: Callable[..., Stack], redis: Redis
) -> None:
    stack = make_stack(broker="redis", RATELIMIT_ENABLED="1")
    stack.start_web()
    redis.refuse()
    stack.sign_up("alice")
    samples = stack.scrape()
    assert samples["flaskcelery_publish_failures_total"] == 1
    assert 5 < samples["flaskcelery_breaker_open_until_seconds"] - time.time() < 11
    for _ in range(30):
        visitor = stack.visitor()
        visitor.log_in("nobody@example.com")
    assert stack.scrape()['flaskcelery_limit_hits_total{limit="log_in"}'] >= 1


def test_metrics_are_not_for_visitors(site: Stack) -> None:
    for path in (
        "/metrics",
        "//metrics",
        "/%6detrics",
        "/./metrics",
        "/metrics?web=127.0.0.1",
        "/metrics/",
        "/METRICS",
    ):
        answer = site.visitor().get(path)
        assert (answer.status, "flaskcelery_" in answer.text) == (404, False), path
    assert site.visitor().post("/metrics").status == 404
    with closing(HTTPConnection(HOST, site.metrics_port, timeout=30)) as connection:
        connection.request("GET", "/accounts/login/")
        assert connection.getresponse().status == 404, "nothing else is on the inner port"
    with closing(HTTPConnection(HOST, site.metrics_port, timeout=30)) as connection:
        connection.request("GET", "/metrics?web=127.0.0.9")
        assert connection.getresponse().status == 502, "that web container is asked, and no other"


def test_without_the_database_prometheus_is_told_so(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(DATABASE_URL=f"postgresql://nobody@{HOST}:{free_port()}/nothing")
    stack.start_web()
    samples = stack.scrape()
    assert samples["flaskcelery_database_up"] == 0
    assert OLDEST not in samples
