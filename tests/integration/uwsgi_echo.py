"""A stand-in for uWSGI that says what nginx handed on, and a name server with one answer."""

import json
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

Server = TypeVar("Server", bound=socketserver.BaseServer)


class Echo(socketserver.ThreadingTCPServer):
    """Answers each request with its parameters; or hangs up on it, once it was read, where `breaks` is set."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int, breaks: bool = False) -> None:
        super().__init__((host, port), Handler)
        self.breaks = breaks
        self.seen: list[dict[str, str]] = []


class Handler(socketserver.BaseRequestHandler):
    """One request in the uwsgi protocol."""

    server: Echo

    def handle(self) -> None:
        """Read the parameters and answer."""
        size = struct.unpack("<xHx", self._read(4))[0]
        block, values = self._read(size), []
        while block:
            length = struct.unpack("<H", block[:2])[0]
            values.append(block[2 : 2 + length].decode("latin-1"))
            block = block[2 + length :]
        parameters = dict(zip(values[::2], values[1::2], strict=True))
        self._read(int(parameters["CONTENT_LENGTH"] or 0))
        self.server.seen.append(parameters | {"port": str(self.server.server_address[1])})
        if not self.server.breaks:
            body = json.dumps(self.server.seen[-1]).encode()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-ID: forged\r\n\r\n"
            self.request.sendall(head + body)

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (part := self.request.recv(size - len(data))):
            data += part
        return data


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
