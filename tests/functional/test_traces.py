"""The trace of a request, its outbox row and its email; and what of a visitor leaves with it: nothing."""

import sys
import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from flaskcelery.app import create_app
from flaskcelery.auth import views
from flaskcelery.mail.smtp import SmtpConnection
from tests.collector import Collector, collector
from tests.conftest import PASSWORD, Browser, close, link_in, run_sql, send_emails

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VISITOR = {
    "HTTP_TRACEPARENT": f"00-{TRACE_ID}-{PARENT_ID}-01",
    "HTTP_TRACESTATE": "shop=typed-state",
    "HTTP_BAGGAGE": "user=typed-baggage",
    "HTTP_USER_AGENT": "Mozilla/5.0 typed-agent",
    "HTTP_REFERER": "http://127.0.0.1/typed-referrer",
    "REMOTE_ADDR": "8.8.8.8",
}
TYPED = ["alice", "example.com", PASSWORD, "typed", "Mozilla", "8.8.8.8"]


@pytest.fixture
def server() -> Iterator[Collector]:
    with collector() as server:
        yield server


@pytest.fixture
def app(environ: dict[str, str], server: Collector) -> Iterator[Flask]:
    """Return an application that sends its spans there."""
    app = create_app({**environ, "OTEL_EXPORTER_OTLP_ENDPOINT": server.url})
    yield app
    close(app)


def read(app: Flask, server: Collector) -> dict[str, Span]:
    """Return the last span of each name."""
    app.extensions["spans"].close()
    return {span.name: span for span in server.spans()}


def attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


def test_a_trace_leads_from_the_callers_request_through_the_row_to_the_email(
    app: Flask, auth: Browser, server: Collector
) -> None:
    auth.client.environ_base |= VISITOR
    assert auth.sign_up().status_code == 302
    auth.client.environ_base.pop("HTTP_TRACEPARENT")
    send_emails(app)
    [(row_id,)] = run_sql(app, "SELECT id FROM outbox")

    spans = read(app, server)
    request, task, email = (spans[name] for name in ("POST /accounts/signup/", "send_welcome_email", "send email"))
    assert {span.trace_id.hex() for span in (request, task, email)} == {TRACE_ID}
    parents = [span.parent_span_id.hex() for span in (request, task, email)]
    assert parents == [PARENT_ID, request.span_id.hex(), task.span_id.hex()]
    assert [span.kind for span in (request, task, email)] == [Span.SPAN_KIND_SERVER, 5, Span.SPAN_KIND_CLIENT]
    assert attributes(task)["row_id"] == attributes(email)["row_id"] == str(uuid.UUID(row_id))


def test_no_span_holds_anything_of_the_visitor(
    app: Flask, auth: Browser, server: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth.client.environ_base |= VISITOR
    auth.sign_up()
    [welcome] = send_emails(app)
    link = link_in(welcome)
    auth.client.get(f"{link}?q=typed-query")
    auth.client.get("/accounts/typed-path/alice@example.com/")
    auth.client.open("/", method="TYPED")
    auth.log_in("alice@example.com", "typed-guess")
    auth.log_in()

    def fail(*_: object) -> None:
        raise ValueError(f"Key (email)=(alice@example.com): {PASSWORD}")

    monkeypatch.setattr(SmtpConnection, "send", fail)
    monkeypatch.setattr(views, "authenticate", fail)
    auth.send("/accounts/password_reset/", email="alice@example.com")
    send_emails(app, raises=False)
    other = Browser(app.test_client())
    assert other.log_in().status_code == 500

    spans = read(app, server)
    assert any(name.endswith("/<id:user_id>/<token>/") for name in spans), spans.keys()
    assert {"HTTP", "send email"} <= spans.keys()
    assert spans["send email"].status.code == spans["POST /accounts/login/"].status.code == Status.STATUS_CODE_ERROR
    assert attributes(spans["send email"])["error.type"] == "ValueError"
    cookie = auth.client.get_cookie("session")
    assert cookie
    secrets = [*TYPED, cookie.value, link.strip("/").rpartition("/")[2]]
    sent = b"\n".join(server.bodies).decode(errors="replace").lower()
    assert [typed for typed in secrets if typed.lower() in sent] == []


def test_without_the_setting_nothing_is_imported_and_no_row_names_a_span(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flaskcelery.spans", None)  # to import it is an error
    app = create_app(environ)
    Browser(app.test_client()).sign_up()
    assert run_sql(app, "SELECT traceparent FROM outbox") == [(None,)]
    close(app)
