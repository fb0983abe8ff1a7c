"""The trace from a request, through the row that it enqueued, to its email. Without the setting it does nothing."""

from contextlib import AbstractContextManager, nullcontext

from flask import Flask, current_app


def init_tracing(app: Flask) -> None:
    """Trace if OTEL_EXPORTER_OTLP_ENDPOINT is set; its packages are optional, and only imported then."""
    app.extensions["spans"] = None
    if endpoint := app.config["OTEL_EXPORTER_OTLP_ENDPOINT"]:
        from flaskcelery.spans import Spans  # noqa: PLC0415

        app.extensions["spans"] = Spans(app, endpoint)


def current_traceparent() -> str | None:
    """Return the W3C name of the span that this thread is in, or None."""
    spans = current_app.extensions["spans"]
    return spans.current_traceparent() if spans else None


def span(name: str, kind: str, parent: str | None = None) -> AbstractContextManager[None]:
    """Return a span around a block: below `parent`, another process's traceparent, or the span around it."""
    spans = current_app.extensions["spans"]
    return spans.span(name, kind, parent) if spans else nullcontext()
