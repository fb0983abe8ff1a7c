"""`rediss://`: the publisher, the worker and the rate limits all verify the server before they say a word."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from kombu.exceptions import OperationalError
from redis import RedisError

from flaskcelery.app import create_app
from flaskcelery.outbox.publisher import BrokerAway
from tests.processes import HOST, find_program, free_port, start
from tests.unit.mail.smtp_servers import make_certificate


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of a Redis that speaks TLS only, with a certificate for localhost that it signed itself."""
    folder, port = tmp_path_factory.getbasetemp(), free_port()
    make_certificate(folder)
    server = [find_program("redis-server"), "--port", "0", "--tls-port", str(port), "--bind", HOST, "--save", ""]
    files = ["--tls-cert-file", "certificate.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "certificate.pem"]
    process = start("redis", [*server, *files, "--tls-auth-clients", "no"], folder, {}, cwd=folder)
    process.wait_for_port(port)
    yield port
    process.kill()


@pytest.fixture
def certificate(port: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file with that Redis's certificate."""
    return tmp_path_factory.getbasetemp() / "certificate.pem"


def publish(app: Flask) -> None:
    """Publish a row's id, as a sign-up does."""
    app.extensions["publisher"].publish("send_welcome_email", uuid.uuid4())


def consume(app: Flask) -> None:
    """Open a worker's connection to the queue."""
    with app.extensions["celery"].connection_for_read() as connection:
        connection.ensure_connection(max_retries=0)
        connection.default_channel.client.ping()


def count(app: Flask) -> None:
    """Count an attempt in Redis, not in this process's memory."""
    app.extensions["limits"]._script(["key"], [60, 1, 1])


USERS = pytest.mark.parametrize("use", [publish, consume, count])


@USERS
def test_a_redis_with_the_right_certificate_is_used(
    environ: dict[str, str], port: int, certificate: Path, use: Callable[[Flask], None]
) -> None:
    settings = {"CELERY_BROKER_URL": f"rediss://localhost:{port}/0", "REDIS_CA_FILE": str(certificate)}
    use(create_app({**environ, **settings}))


@USERS
@pytest.mark.parametrize("fault", ["unknown to the system", "another certificate", "another host name"])
def test_a_redis_that_cannot_be_verified_is_not_used(
    environ: dict[str, str], port: int, certificate: Path, use: Callable[[Flask], None], fault: str
) -> None:
    host = HOST if fault == "another host name" else "localhost"
    trusted = {
        "unknown to the system": "",
        "another certificate": make_certificate(Path(environ["INSTANCE_PATH"]))[1],
        "another host name": certificate,
    }
    settings = {"CELERY_BROKER_URL": f"rediss://{host}:{port}/0", "REDIS_CA_FILE": str(trusted[fault])}
    with pytest.raises((BrokerAway, OperationalError, RedisError)) as seen:
        use(create_app({**environ, **settings}))
    reasons, error = [], seen.value
    while error:
        reasons.append(str(error))
        error = error.__cause__ or error.__context__
    assert "CERTIFICATE_VERIFY_FAILED" in " ".join(reasons)
