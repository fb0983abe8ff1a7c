"""Spans for OpenTelemetry: what happened when, in which route or task, under which ids. Nothing that a visitor sent."""

import atexit
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING

from celery.signals import worker_process_shutdown
from flask import Flask, Response, request
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flaskcelery.logs import current_ids

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EXPORT_TIMEOUT = 2  # seconds; a process that ends waits for the collector once or twice
SERVER_ERROR = 500
W3C = TraceContextTextMapPropagator()


class Spans:
    """The spans of one application. They are its own: upstream's instrumentations would send URLs with tokens."""

    def __init__(self, app: Flask, endpoint: str) -> None:
        self._endpoint = endpoint
        self._names = {"service.name": app.name, "deployment.environment.name": app.config["APP_ENV"]}
        app.wsgi_app = self._trace_requests(app.wsgi_app)  # type: ignore[assignment, method-assign]  # mypy takes it for a method
        app.after_request(_describe)
        atexit.register(self.close)
        worker_process_shutdown.connect(self.close, weak=False)  # a worker's processes end without atexit

    @cached_property
    def _provider(self) -> TracerProvider:
        """Made on first use: it starts a thread, and uWSGI's master would wait for that thread forever."""
        provider = TracerProvider(resource=Resource.create(self._names), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{self._endpoint}/v1/traces", timeout=EXPORT_TIMEOUT)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return provider

    @cached_property
    def _tracer(self) -> trace.Tracer:
        return self._provider.get_tracer(__name__)

    @contextmanager
    def span(self, name: str, kind: str, parent: str | None = None) -> Iterator[None]:
        # No tracestate and no baggage: they can contain anything. Nor an exception's message, as in error_reports.py.
        context = W3C.extract({"traceparent": parent}) if parent else None
        begin = partial(self._tracer.start_as_current_span, record_exception=False, set_status_on_exception=False)
        with begin(name, context, SpanKind[kind], current_ids()) as current:
            try:
                yield
            except Exception as error:
                current.set_attribute("error.type", type(error).__name__)
                current.set_status(StatusCode.ERROR)
                raise

    def current_traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        W3C.inject(carrier)
        return carrier.get("traceparent")

    def close(self, **_: object) -> None:
        """Send what is left."""
        if "_provider" in vars(self):
            self._provider.shutdown()

    def _trace_requests(self, wsgi_app: "WSGIApplication") -> "WSGIApplication":
        def traced(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            with self.span("HTTP", "SERVER", environ.get("HTTP_TRACEPARENT")):
                return wsgi_app(environ, start_response)

        return traced


def _describe(response: Response) -> Response:
    """Name the request's span by its route, in which a token is only `<token>`."""
    current, route = trace.get_current_span(), request.url_rule
    if route:  # then the method is one of few, too
        current.update_name(f"{request.method} {route}")
        current.set_attributes({"http.request.method": request.method, "http.route": str(route)})
    current.set_attributes({"http.response.status_code": response.status_code, **current_ids()})
    if response.status_code >= SERVER_ERROR:
        current.set_status(StatusCode.ERROR)
    return response
