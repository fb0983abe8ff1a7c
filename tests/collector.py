"""A collector for OpenTelemetry, which keeps all spans as they come."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.processes import HOST


class Collector(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__((HOST, 0), Requests)
        self.url = f"http://{HOST}:{self.server_address[1]}"
        self.bodies: list[bytes] = []

    def spans(self) -> list[Span]:
        """Return all spans so far."""
        batches = map(ExportTraceServiceRequest.FromString, self.bodies)
        scopes = [scope for batch in batches for resource in batch.resource_spans for scope in resource.scope_spans]
        return [span for scope in scopes for span in scope.spans]


class Requests(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield server
        server.shutdown()
