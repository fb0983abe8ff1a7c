"""A mail server that greets at one byte a second: `drip.py HOST PORT`; it prints each session's seconds."""

import socketserver
import sys
import time
from contextlib import suppress


class Drip(socketserver.BaseRequestHandler):
    """One session."""

    def handle(self) -> None:
        """Greet, slowly."""
        began = time.monotonic()
        with suppress(OSError):
            for byte in b"220 " + b"x" * 100:
                self.request.sendall(bytes([byte]))
                time.sleep(1)
        print(f"{time.monotonic() - began:.1f}", flush=True)


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer((sys.argv[1], int(sys.argv[2])), Drip).serve_forever()
