"""The logs of all parts in production: one email can be followed through them, and no secret is in them."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.collector import Collector, collector
from tests.functional.test_traces import PARENT_ID, TRACE_ID
from tests.integration.stack import Stack
from tests.integration.visitor import PASSWORD, Visitor
from tests.processes import HOST, ROOT, free_port, wait_until
from tests.servers import Redis, SmtpServer

OURS = ("nginx", "uwsgi", "worker", "relay")
NEW_PASSWORD, CHANGED_PASSWORD = "staple of correct horses", "battery of new staples"


@pytest.fixture
def traces() -> Iterator[Collector]:
    """Return the server that all spans of this test go to."""
    with collector() as server:
        yield server


@pytest.fixture
def stack(make_stack: Callable[..., Stack], redis: Redis, traces: Collector) -> Iterator[Stack]:
    """Return the stack as in production, with every line that can be had, and all that is said to Redis."""
    port = free_port()
    stack = make_stack(
        broker="redis",
        database="postgres",
        APP_ENV="production",
        SECRET_KEY=hashlib.sha256(b"tests").hexdigest(),
        PUBLIC_URL=f"http://{HOST}:{port}",
        MAIL_DEFAULT_SENDER="Shop <noreply@shop.dev>",
        ARGON2_PARAMETERS="",
        LOG_LEVEL="DEBUG",
        OTEL_EXPORTER_OTLP_ENDPOINT=traces.url,
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    stack.port = port
    monitor = redis.monitor()
    yield stack.start_all()
    monitor.kill()


def lines_of(stack: Stack, name: str) -> list[dict[str, str]]:
    """Return the JSON lines of a part's log."""
    text = (stack.folder / f"{name}.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def trace(stack: Stack, what: str) -> list[dict[str, str]]:
    """Return what deploy/trace finds in the logs of all parts together."""
    logs = "".join((stack.folder / f"{name}.log").read_text() for name in OURS)
    found = subprocess.run([ROOT / "deploy/trace", what], input=logs, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_a_sign_up_is_followed_from_nginx_to_the_received_email_and_back(
    stack: Stack, smtp_server: SmtpServer, traces: Collector
) -> None:
    visitor = stack.visitor()
    visitor.headers["traceparent"] = f"00-{TRACE_ID}-{PARENT_ID}-01"
    assert visitor.sign_up("alice").status == 302
    stack.sign_up("bob")
    [alice, bob] = sorted(smtp_server.wait_for(2), key=lambda message: str(message["To"]))
    stack.wait_until_processed()

    def requests() -> list[dict[str, str]]:
        return [
            line for line in lines_of(stack, "nginx") if line["path"] == "/accounts/signup/" and "POST" in str(line)
        ]

    wait_until(lambda: len(requests()) == 2, 30, "nginx's lines")
    request_id = requests()[0]["request_id"]
    [(row_id,)] = stack.query("SELECT outbox.id FROM outbox JOIN users ON users.id = user_id WHERE username = 'alice'")
    found = trace(stack, request_id)
    assert [line["time"] for line in found] == sorted(line["time"] for line in found)
    messages = [line["message"] for line in found if "message" in line]
    assert messages[0] == f"Enqueued: row {row_id} (send_welcome_email) for user 1, request {request_id}"
    assert re.fullmatch(rf"signed up: user 1 a\*\*\*@example.com from {HOST}, request {request_id}", messages[1])
    assert (
        re.sub(r"\d+$", "", messages[-1])
        == f"Row {row_id} (send_welcome_email): sent as <{row_id}@shop.dev> by process "
    )
    assert len(messages) == 3
    assert alice["Message-ID"] == f"<{row_id}@shop.dev>"
    assert [line["path"] for line in found if "path" in line] == ["/accounts/signup/"]
    assert {line["row_id"] for line in found if "row_id" in line} == {str(row_id)}
    assert trace(stack, str(alice["Message-ID"])) == trace(stack, str(row_id)) == found
    assert stack.query("SELECT DISTINCT request_id FROM audit_events WHERE user_id = 1") == [(request_id,)]
    assert trace(stack, str(bob["Message-ID"])) != found

    for part in ("worker", "relay"):
        text = (stack.folder / f"{part}.log").read_text()
        assert len(lines_of(stack, part)) == len(text.splitlines()), f"all of {part}'s lines have one format: {text}"
    for line in [*lines_of(stack, "worker"), *lines_of(stack, "uwsgi")]:
        assert {"time", "level", "logger", "message"} <= line.keys()

    def spans() -> set[str]:
        return {span.name for span in traces.spans() if span.trace_id.hex() == TRACE_ID}

    wait_until(lambda: {"POST /accounts/signup/", "send_welcome_email", "send email"} <= spans(), 30, "the trace")


@pytest.mark.requirement(47)
def test_no_password_token_or_cookie_is_in_any_log_in_redis_or_in_the_database(
    stack: Stack, smtp_server: SmtpServer, traces: Collector
) -> None:
    secrets = {PASSWORD, NEW_PASSWORD, CHANGED_PASSWORD, "a wrong guess"}
    visitor = stack.visitor()

    def note(of: Visitor) -> None:
        secrets.update([*of.cookies.values(), of.token])

    def follow_link(subject: str) -> str:
        wait_until(lambda: any(subject in message["Subject"] for message in smtp_server.emails()), 30, subject)
        [message] = [message for message in smtp_server.emails() if subject in message["Subject"]]
        text = message.get_body(("plain",)).get_content()
        paths = re.findall(rf"^http://{HOST}:{stack.port}(/\S+)\s*$", text, re.MULTILINE)
        secrets.update(path.rstrip("/").rpartition("/")[2] for path in paths)
        [path] = [path for path in paths if "/reject/" not in path]
        page = visitor.get(path)
        path = page.headers["Location"] or path  # a reset link's token moves into the session
        note(visitor)
        assert visitor.get(path).status == 200
        note(visitor)
        return str(path)

    assert visitor.sign_up("alice").status == 302
    visitor.post(follow_link("Welcome"), password=PASSWORD)
    for password in ("a wrong guess", PASSWORD):
        visitor.log_in("alice@example.com", password)
        note(visitor)
    visitor.get("/accounts/password_change/")
    new = {"new_password1": CHANGED_PASSWORD, "new_password2": CHANGED_PASSWORD}
    assert visitor.post("/accounts/password_change/", old_password=PASSWORD, **new).status == 302
    note(visitor)
    assert visitor.log_out().status == 302
    visitor.get("/accounts/password_reset/")
    assert visitor.post("/accounts/password_reset/", email="alice@example.com").status == 302
    link = follow_link("Password reset")
    assert visitor.post(link, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD).status == 302
    assert visitor.log_in("alice@example.com", NEW_PASSWORD).status == 302
    note(visitor)
    stack.wait_until_processed()

    tables = stack.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    places = {"database": "".join(str(stack.query(f'SELECT t::text FROM "{table}" t')) for (table,) in tables)}
    places |= {log.name: log.read_text(errors="replace") for log in stack.folder.glob("*.log")}
    assert {"nginx.log", "uwsgi.log", "worker.log", "relay.log", "redis.log", "monitor.log", "postgres.log"} <= set(
        places
    )
    wait_until(lambda: "POST /accounts/login/" in str(traces.bodies), 30, "the spans")
    places["spans"] = str(traces.bodies)
    secrets.discard("")
    assert len(secrets) > 10
    assert [(place, secret) for place, text in places.items() for secret in secrets if secret in text] == []
    assert [name for name in (*(f"{name}.log" for name in OURS), "spans") if "alice@example.com" in places[name]] == []
    for part in ("BRPOP", "send_welcome_email"):
        assert part in places["monitor.log"], "it has listened"
