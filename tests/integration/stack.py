"""The application as processes: web, workers and relay, started as the Procfile and `deploy/` say."""

import shlex
import uuid
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from sqlalchemy import NullPool, create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from flaskcelery.config.settings import SETTINGS, SWITCHES
from tests.integration.visitor import SECRETS, Visitor
from tests.processes import HOST, ROOT, Process, free_port, is_open, start, wait_until
from tests.servers import Redis, nginx

NOTHING_SET = {setting.name: "" for setting in (*SETTINGS, *SWITCHES)}  # whatever a developer's .env may say
UWSGI_INI = "deploy/uwsgi.ini"
PROCFILE = parse_procfile((ROOT / "Procfile").read_text()).processes


class Stack:
    """One application with its own database, started piece by piece and ended as a whole."""

    def __init__(self, folder: Path, exits: ExitStack, settings: dict[str, str]) -> None:
        self.folder, self.exits = folder, exits
        self.port, self.pages_port, self.forms_port, self.metrics_port = (free_port() for _ in range(4))
        self.web_host = HOST  # where uWSGI listens
        self.redis: Redis | None = None
        defaults = {"PUBLIC_URL": f"http://{HOST}:{self.port}", "RATELIMIT_ENABLED": "0"}
        self.settings = {**defaults, **settings}
        url = settings["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
        self.engine = create_engine(url, poolclass=NullPool)

    def run(self, name: str, command: str, **settings: str) -> Process:
        """Start one process of the application; it is killed at the end of the test."""
        environ = {"PYTHONUNBUFFERED": "1", **NOTHING_SET, **self.settings, **settings}
        process = start(name, shlex.split(command), self.folder, environ, cwd=ROOT)
        self.exits.callback(process.kill)
        return process

    def start_web(self, ini: str = UWSGI_INI, **names: str) -> Process:
        """Start uWSGI and the nginx in front of it, with `names` in its environment."""
        names = {"NGINX_METRICS_LISTEN": f"{HOST}:{self.metrics_port}", **names}
        self.nginx = self.exits.enter_context(nginx(self.folder, self.port, self.pages_port, self.forms_port, **names))
        return self.start_uwsgi(ini)

    def start_uwsgi(self, ini: str = UWSGI_INI, **settings: str) -> Process:
        """Start uWSGI, again perhaps, with other settings."""
        host, ports = self.web_host, (self.pages_port, self.forms_port)
        wait_until(lambda: not any(is_open(port, host) for port in ports), 30, "children of the last one let go")
        sockets = {"PAGES_SOCKET": f"{host}:{ports[0]}", "FORMS_SOCKET": f"{host}:{ports[1]}"}
        process = self.run("uwsgi", f"uwsgi --ini {ini}", **sockets, **settings)
        for port in ports:
            process.wait_for_port(port, host=host)
        return process

    def start_flask_run(self) -> Process:
        """Start the development server, as the Procfile does."""
        process = self.run("web", PROCFILE["web"].replace("$PORT", str(self.port)))
        process.wait_for_port(self.port)
        return process

    def start_worker(self, **settings: str) -> Process:
        """Start the worker, as the Procfile does."""
        self.worker = self.run("worker", PROCFILE["worker"], **settings)
        return self.worker

    def start_relay(self, every: float = 1) -> Process:
        """Start the relay, as the Procfile does but for its period."""
        return self.run("relay", PROCFILE["relay"].replace("--every 5", f"--every {every}"))

    def start_all(self) -> "Stack":
        """Start web, worker and relay; return the stack when the first two are ready."""
        self.start_worker()
        self.start_relay()
        self.start_web()
        self.worker.wait_for_text("ready.")
        return self

    def visitor(self, cookies: dict[str, str] | None = None) -> Visitor:
        """Return somebody with a browser, which may hold somebody else's cookies."""
        return Visitor(self.port, cookies)

    def sign_up(self, name: str) -> float:
        """Let somebody sign up, who must succeed; return the seconds that sending the form took."""
        answer = self.visitor().sign_up(name)
        assert answer.status == 302
        return answer.seconds

    def scrape(self) -> dict[str, float]:
        """Return what Prometheus reads: each sample, named as it is written, and its value."""
        with closing(HTTPConnection(HOST, self.metrics_port, timeout=30)) as connection:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            assert response.status == 200
            lines = response.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def query(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query, read past the application."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def count(self, what: str) -> int:
        """Return the number of rows that `what`, the part of a query after FROM, has."""
        return int(self.query(f"SELECT count(*) FROM {what}")[0][0])

    def row_ids(self) -> list[uuid.UUID]:
        """Return the ids of the outbox rows."""
        return [uuid.UUID(str(row[0])) for row in self.query("SELECT id FROM outbox")]

    def wait_until_processed(self, seconds: float = 30) -> None:
        """Wait until no row is pending any more; each has to be done."""
        wait_until(lambda: not self.count("outbox WHERE done_at IS NULL"), seconds, "every row is done")

    def dump(self) -> str:
        """Return all that database, Redis and logs hold; nothing of a database that the test has stopped."""
        kept = []
        with suppress(OperationalError):
            tables = inspect(self.engine).get_table_names()
            kept = [str(self.query(f'SELECT * FROM "{table}"')) for table in tables]
        return "\n".join([*kept, self.redis.dump() if self.redis else "", self.read_logs()])

    def find_secrets(self) -> list[str]:
        """Return what a visitor has used that should be kept nowhere, and is; forget the rest."""
        used, kept = SECRETS.copy(), self.dump()
        SECRETS.clear()
        return [secret for secret in used if secret in kept]

    def read_logs(self) -> str:
        """Return all that the processes have printed so far."""
        return "".join(log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log")))
