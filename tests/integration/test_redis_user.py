"""Redis with a user for the application, who can do what docs/operations.md grants and no more."""

import re
from collections.abc import Callable

import pytest

from flaskcelery.app import create_app
from flaskcelery.outbox.publisher import BrokerAway
from tests.integration.stack import Stack
from tests.integration.test_redis_tls import publish
from tests.processes import HOST, ROOT
from tests.servers import Redis, SmtpServer

[RULES] = re.findall(r"ACL SETUSER (flaskcelery on >password [^`]*)`", (ROOT / "docs/operations.md").read_text())


@pytest.fixture
def url(redis: Redis) -> str:
    """Return the URL of a Redis that knows nobody but this user."""
    assert redis.ask("ACL", "SETUSER", *RULES.split()) == "OK"
    return f"redis://flaskcelery:password@{HOST}:{redis.port}/0"


def test_the_user_can_do_all_that_web_worker_and_relay_need(
    make_stack: Callable[..., Stack], redis: Redis, url: str, smtp_server: SmtpServer
) -> None:
    stack = make_stack("redis", CELERY_BROKER_URL=url, RATELIMIT_ENABLED="1").start_all()
    stack.sign_up("alice")
    smtp_server.wait_for(1)
    assert redis.ask("KEYS", "limit:*")
    assert redis.ask("ACL", "LOG") == ""


def test_the_user_can_neither_see_all_keys_nor_delete_them(environ: dict[str, str], redis: Redis, url: str) -> None:
    for command in (["KEYS", "*"], ["FLUSHALL"], ["CONFIG", "GET", "*"], ["ACL", "LIST"]):
        assert "NOPERM" in redis.ask("-u", url, *command)
    with pytest.raises(BrokerAway, match="invalid username-password pair"):
        publish(create_app({**environ, "CELERY_BROKER_URL": url.replace("password", "guess")}))
