"""The site over TLS, with a certificate that it made itself."""

import ssl
import subprocess
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from tests.integration.visitor import Visitor
from tests.processes import HOST, find_program, free_port, ipv6_address


class Tls:
    """What nginx is told, as names in its environment, and what visitors trust."""

    def __init__(self, folder: Path) -> None:
        self.port, self.certificate, key = free_port(), folder / "certificate.pem", folder / "key.pem"
        self.url = f"https://localhost:{self.port}"
        how = f"req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {key}"
        what = ["-out", self.certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run([find_program("openssl"), *how.split(), *what], check=True, capture_output=True)
        self.names = {
            "NGINX_TLS_LISTEN": f"{HOST}:{self.port}",
            "NGINX_TLS_LISTEN_IPV6": ipv6_address(self.port) or f"unix:{folder}/tls.socket",
            "NGINX_PUBLIC_URL": self.url,
            "NGINX_WEBROOT": str(folder / "webroot"),
            "NGINX_TLS_CERTIFICATE": str(self.certificate),
            "NGINX_TLS_KEY": str(key),
        }

    def context(self) -> ssl.SSLContext:
        """Return the trust in this certificate."""
        return ssl.create_default_context(cafile=str(self.certificate))


class TlsVisitor(Visitor):
    """A visitor who comes over TLS."""

    def __init__(self, tls: Tls) -> None:
        super().__init__(tls.port)
        self.tls = tls

    def connect(self) -> HTTPConnection:
        """Return a new connection to the site."""
        return HTTPSConnection("localhost", self.port, timeout=60, context=self.tls.context())
