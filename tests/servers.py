"""The servers around the application, real ones on free ports, and the smtp_server that takes its emails."""

import os
import shutil
import signal
import socket
import string
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from flaskcelery.app import create_app
from tests.processes import HOST, ROOT, Process, find_program, free_port, ipv6_address, miss, start, wait_until

NGINX_TEMPLATES = ROOT / "deploy/nginx"
NGINX_MAIN = "daemon off; user root;"


class SmtpServer:
    """An SMTP server that takes every email and keeps it as it came."""

    def __init__(self) -> None:
        self.port = free_port()
        self.raw: list[bytes] = []
        self.received_at: list[float] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Keep the email."""
        self.received_at.append(time.time())
        self.raw.append(bytes(envelope.original_content or b""))
        return "250 OK"

    def emails(self, seen: int = 0) -> list[EmailMessage]:
        """Return the emails so far, in their order, but for the first ones, which the test has seen."""
        return [message_from_bytes(raw, policy=policy.default) for raw in self.raw[seen:]]

    def recipients(self) -> list[str]:
        """Return the address of each email so far, in their order."""
        return [str(message["To"]) for message in self.emails()]

    def wait_for(self, count: int, seconds: float = 30) -> list[EmailMessage]:
        """Wait until at least so many emails are here; return all."""
        wait_until(lambda: len(self.raw) >= count, seconds, f"{count} emails")
        return self.emails()


@contextmanager
def smtp_server(handler: SmtpServer | None = None) -> Iterator[SmtpServer]:
    """Run an SMTP server in a thread."""
    handler = handler or SmtpServer()
    controller = Controller(handler, hostname=HOST, port=handler.port)
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()


class Redis:
    """A Redis that keeps nothing on disk, and the ways in which it can be away."""

    program, host = "redis-server", HOST
    prefix: tuple[str, ...] = ()  # of a command that runs where the server runs
    options: tuple[str, ...] = ("--bind", HOST)

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder, self.port = folder, port or free_port()
        self._remedies = ExitStack()
        self.start()

    def start(self) -> None:
        """Start the server, empty."""
        options = ["--port", str(self.port), *self.options, "--save", ""]
        command = [*self.prefix, find_program(self.program), *options]
        self.process = start("redis", command, self.folder, {}, cwd=self.folder)
        self.process.wait_for_port(self.port, host=self.host)

    def refuse(self) -> None:
        """Be stopped: connections are refused."""
        self.process.kill()
        self._remedies.callback(self.start)

    def ignore(self) -> None:
        """Be replaced by a socket that takes connections and never says a word."""
        self.refuse()
        self._remedies.callback(socket.create_server((HOST, self.port)).close)

    def freeze(self) -> None:
        """Stand still with all connections open."""
        self.process.signal(signal.SIGSTOP)
        self._remedies.callback(self.process.signal, signal.SIGCONT)

    def vanish(self) -> None:
        """Be where no packet arrives, of old connections and new ones."""
        if os.getuid() != 0:
            miss("Only root can drop packets, with iptables.")
        rule = f"INPUT -p tcp -d {HOST} --dport {self.port} -j DROP".split()
        iptables = find_program("iptables")
        subprocess.run([iptables, "-w", "-I", *rule], check=True)
        self._remedies.callback(subprocess.run, [iptables, "-w", "-D", *rule], check=True)

    def ask(self, *words: str) -> str:
        """Return what the server answers to a command."""
        command = [*self.prefix, find_program("redis-cli"), "-h", HOST, "-p", str(self.port), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()

    def monitor(self, name: str = "monitor") -> Process:
        """Write all that is said to this server to a log."""
        command = [*self.prefix, find_program("redis-cli"), "-h", HOST, "-p", str(self.port), "monitor"]
        return start(name, command, self.folder, {})

    def dump(self) -> str:
        """Return all that it holds."""
        self.heal()
        self.ask("CONFIG", "SET", "rdbcompression", "no")
        self.ask("SAVE")
        return (self.folder / "dump.rdb").read_bytes().decode("latin-1")

    def heal(self) -> None:
        """Be as before; what was stored is lost where the server was stopped."""
        self._remedies.close()


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """Run Redis."""
    server = Redis(folder)
    try:
        yield server
    finally:
        server.heal()
        server.process.kill()


@contextmanager
def nginx(folder: Path, port: int, pages_port: int, forms_port: int, **names: str) -> Iterator[Process]:
    """Run nginx with the configuration of `deploy/`, in front of uWSGI; `names` are set in its environment.

    Its limits do not hold for 127.0.0.1, so that tests may hurry; they do for 127.0.0.2 and so on.
    """
    static = folder.parent / "static"  # the same for all tests
    names = {
        "NGINX_MODE": "tls" if "NGINX_TLS_LISTEN" in names else "http",
        "NGINX_LISTEN": f"{HOST}:{port}",
        "NGINX_LISTEN_IPV6": ipv6_address(port) or f"unix:{folder}/ipv6.socket",
        "NGINX_SERVER_NAME": f"{HOST} localhost",
        "NGINX_WEB": HOST,
        "NGINX_PAGES_PORT": str(pages_port),
        "NGINX_FORMS_PORT": str(forms_port),
        "NGINX_RESOLVER": HOST,
        "NGINX_METRICS_LISTEN": f"{HOST}:{free_port()}",
        "NGINX_STATIC_FOLDER": str(static),
        **names,
    }
    if not static.exists():
        app = create_app({"INSTANCE_PATH": str(folder / "instance")})
        app.test_cli_runner().invoke(args=["static", "collect", str(static)], catch_exceptions=False)
    for path in NGINX_TEMPLATES.rglob("*.template"):
        rendered = folder / "conf.d" / path.relative_to(NGINX_TEMPLATES).with_suffix("")
        rendered.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text().replace("http2 on;", "")  # which Debian 12 does not know
        rendered.write_text(string.Template(text).safe_substitute(names))
    (folder / "exempt.d").mkdir(exist_ok=True)
    (folder / "exempt.d" / "tests.conf").write_text(f'{HOST} "";\n')
    shutil.copy(NGINX_TEMPLATES / "nginx.conf", folder)
    where = ["-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = start("nginx", [find_program("nginx"), *where, "-g", NGINX_MAIN], folder, {})
    try:
        process.wait_for_port(port)
        yield process
    finally:
        process.stop()
