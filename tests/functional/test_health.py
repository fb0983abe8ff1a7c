"""What monitors see when all is well, and when a part is away."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from flaskcelery.database import db, transaction
from flaskcelery.health import operations
from flaskcelery.health.operations import Readiness
from tests.conftest import Browser, MakeApp


def test_a_healthy_site_is_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/healthz").text == "ok\n"
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"ready": True, "problem": "", "broker": "up", "oldest_pending_seconds": None}


def test_the_age_of_the_oldest_pending_email_is_shown(client: FlaskClient, auth: Browser) -> None:
    auth.sign_up()
    age = (client.get("/readyz").json or {})["oldest_pending_seconds"]
    assert 0 <= age < 60


def test_without_its_database_a_site_is_alive_but_not_ready(make_app: MakeApp) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    client = make_app(DATABASE_URL=url).test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json or {})["problem"] == "the database does not answer"


def test_tables_of_another_release_make_a_site_not_ready(client: FlaskClient) -> None:
    with client.application.app_context():
        with transaction():
            db.session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        db.session.remove()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "flask db upgrade" in (answer.json or {})["problem"]


def test_an_absent_broker_is_told_but_the_site_is_ready(make_app: MakeApp) -> None:
    client = make_app(CELERY_BROKER_URL="redis://127.0.0.1:1/0").test_client()
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert (answer.json or {})["broker"] == "away"


@pytest.mark.requirement(54)
@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2600::1", "2001:0:53aa:64c::1", "2002:808:808::1", "::ffff:8.8.8.8", "nonsense", ""]
)
def test_strangers_learn_only_whether_the_site_is_ready(client: FlaskClient, address: str) -> None:
    assert client.get("/readyz", environ_base={"REMOTE_ADDR": address}).json == {"ready": True}
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code == 404


@pytest.mark.parametrize("address", ["10.1.2.3", "172.18.0.1", "::1", "fd00::1", "::ffff:10.1.2.3"])
def test_private_networks_learn_the_details(client: FlaskClient, address: str) -> None:
    assert "broker" in (client.get("/readyz", environ_base={"REMOTE_ADDR": address}).json or {})
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code == 200


@pytest.mark.requirement(54)
def test_readiness_is_checked_once_a_second_however_often_it_is_asked(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[Readiness] = []
    monkeypatch.setattr(operations, "check_readiness", lambda: checks.append(Readiness(str(len(checks)))) or checks[-1])
    for _ in range(20):
        client.get("/readyz")
    assert len(checks) <= 2
    time.sleep(1.1)
    assert (client.get("/readyz").json or {})["problem"] == checks[-1].problem
    assert len(checks) >= 2


@pytest.mark.requirement(54)
def test_one_slow_check_keeps_no_other_thread_waiting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    app.test_client().get("/readyz")
    recent = app.extensions["readiness"]
    is_checking, can_end = threading.Event(), threading.Event()

    def check_slowly() -> Readiness:
        is_checking.set()
        can_end.wait(20)
        return Readiness("slow")

    monkeypatch.setattr(operations, "check_readiness", check_slowly)
    recent._ends_at = time.monotonic() - 1
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(recent.read)
        is_checking.wait(20)
        assert [recent.read().problem for _ in range(5)] == [""] * 5
        can_end.set()
    assert slow.result().problem == recent.read().problem == "slow"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_addresses_set_no_cookie(client: FlaskClient, path: str) -> None:
    assert "Set-Cookie" not in client.get(path).headers


def test_a_relay_that_is_to_stop_finishes_the_email_in_its_hands_and_begins_no_other(
    client: FlaskClient, auth: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flaskcelery.outbox import relay

    for name in ("alice", "bob"):
        auth.sign_up(name, f"{name}@example.com")
    begun: list[object] = []

    def deliver(row_id: object) -> None:
        signal.raise_signal(signal.SIGTERM)
        begun.append(row_id)

    monkeypatch.setattr(relay, "deliver", deliver)
    monkeypatch.setattr(relay, "count_room", lambda _: (0, 0))
    with client.application.app_context():
        relay.run_forever(0)
    assert len(begun) == 1


def test_a_relay_shows_that_it_lives(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from flaskcelery.outbox import relay

    monkeypatch.setattr(relay, "purge_some", lambda: signal.raise_signal(signal.SIGTERM))
    with client.application.app_context():
        relay.run_forever(5)
    assert (Path(client.application.instance_path) / "relay.alive").exists()


def test_a_relay_without_its_table_says_what_to_run(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from flaskcelery.outbox import relay

    def expire() -> None:
        signal.raise_signal(signal.SIGTERM)
        db.session.execute(text("SELECT * FROM no_such_table"))

    monkeypatch.setattr(relay, "expire", expire)
    with app.app_context():
        relay.run_forever(5)
    assert "A table or column is missing: run make migration" in caplog.text
