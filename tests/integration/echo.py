"""A stand-in for uWSGI that says what nginx passed on, and a name server with one answer."""

import json
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

Server = TypeVar("Server", bound=socketserver.BaseServer)


class Echo(ThreadingHTTPServer):
    """Answers each request with its parts; or hangs up on it, once it was read, where `breaks` is set."""

    def __init__(self, host: str, port: int, breaks: bool = False) -> None:
        super().__init__((host, port), Handler)
        self.breaks = breaks
        self.seen: list[dict[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Echo

    def handle_one_request(self) -> None:
        """Read a request and answer it, whatever its method."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = {"method": self.command, "path": self.path, "body": body.decode("latin-1")}
        self.server.seen.append({**self.headers, **parts, "port": str(self.server.server_address[1])})
        if not self.server.breaks:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Request-ID", "forged")
            self.end_headers()
            self.wfile.write(json.dumps(self.server.seen[-1]).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class NameServer(socketserver.UDPServer):
    """Says that every name has these addresses."""

    def __init__(self, port: int, *addresses: str) -> None:
        super().__init__(("127.0.0.1", port), NameHandler)
        self.addresses = [bytes(map(int, address.split("."))) for address in addresses]


class NameHandler(socketserver.BaseRequestHandler):
    """One question."""

    server: NameServer

    def handle(self) -> None:
        """Answer with all addresses, good for a second."""
        packet, socket = self.request
        head = packet[:2] + struct.pack(">HHHHH", 0x8180, 1, len(self.server.addresses), 0, 0)
        records = [struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4) + address for address in self.server.addresses]
        question = packet[12 : packet.index(b"\0", 12) + 5]
        socket.sendto(head + question + b"".join(records), self.client_address)


@contextmanager
def served(server: Server) -> Iterator[Server]:
    """Run a server in a thread."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
