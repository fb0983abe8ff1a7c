"""How many connections does Postgres get? `python -m benchmarks.pooled [SECONDS]`: by default, five minutes.

Three web servers, two workers and a relay behind the PgBouncer of docs/operations.md, while people sign up, log in and
look at their account. The bars: at most 30 connections, no error, and every email sent.
"""

import logging
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url
from tests.integration.stack import PROCFILE, Stack
from tests.integration.test_pgbouncer import ROLE, write_configuration
from tests.postgres import as_nobody, run_postgres
from tests.processes import HOST, find_program, free_port, start
from tests.servers import redis, smtp_server

BAR, SECONDS, VISITORS = 30, 300, 32
PAUSE = 2  # seconds between two people, so that they do not outrun the workers
WEBS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
OTHERS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
# nginx sends each request to one of the three, by the first digit of its id.
SPREAD = "".join(
    f'if ($request_id ~ "^[{digits}]") {{ set $web {host}; }}\n'
    for digits, host in zip(("0-4", "5-9", "a-f"), WEBS, strict=True)
)


def start_stack(exits: ExitStack, folder: Path, admin: psycopg.Connection[tuple[int]], server: str) -> Stack:
    """Start all processes, each container's with a folder of its own."""
    admin.execute("CREATE ROLE flaskcelery LOGIN")
    admin.execute("CREATE DATABASE pooled OWNER flaskcelery")
    admin.execute(ROLE.encode())
    port, url = free_port(), make_url(f"{server}/pooled").set(username="flaskcelery")
    files = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="pgbouncer-")))
    write_configuration(files, port, f"host={HOST} port={url.port} dbname=pooled")
    pooler = start("pgbouncer", [*as_nobody(), find_program("pgbouncer"), str(files / "pgbouncer.ini")], folder, {})
    exits.callback(pooler.kill)
    pooler.wait_for_port(port)
    settings = {
        "SECRET_KEY": "benchmark" * 8,
        "DATABASE_URL": f"postgresql://flaskcelery:a%20password@{HOST}:{port}/flaskcelery",
        "DATABASE_MIGRATION_URL": url.render_as_string(),
        "CELERY_BROKER_URL": f"redis://{HOST}:{exits.enter_context(redis(folder)).port}/0",
        "INSTANCE_PATH": str(folder / "instance"),
        "MAIL_BACKEND": "smtp",
        "MAIL_SERVER": HOST,
        "MAIL_PORT": str(exits.enter_context(smtp_server()).port),
        "ARGON2_PARAMETERS": "m=8,t=1,p=1",
    }
    stack = Stack(folder, exits, settings)
    assert stack.run("migrate", "flask db upgrade").popen.wait(120) == 0
    (folder / "web.d").mkdir()
    (folder / "web.d/three.conf").write_text(SPREAD)
    stack.start_web()
    for stack.web_host in WEBS[1:]:
        stack.start_uwsgi(INSTANCE_PATH=str(folder / stack.web_host))
    for name in ("first", "second"):
        worker = stack.run(name, f"{PROCFILE['worker']} -n {name}@%h", INSTANCE_PATH=str(folder / name))
        worker.wait_for_text("ready.")
    stack.start_relay(every=5)
    return stack


def live(stack: Stack, number: int, ends: float, answers: Counter[object]) -> None:
    """Sign up, log in and look around, again and again, as one new person after the other."""
    turn = 0
    while time.time() < ends:
        visitor, turn = stack.visitor(), turn + 1
        email = f"v{number}x{turn}@d{turn % 50}.example"
        try:
            answers[visitor.sign_up(f"v{number}x{turn}", email).status, "sign-up"] += 1
            answers[visitor.log_in(email).status, "login"] += 1
            for path in ("/", "/accounts/me/"):
                answers[visitor.get(path).status, path] += 1
        except OSError as error:
            answers[type(error).__name__, "no answer"] += 1
        time.sleep(PAUSE)


def main() -> None:
    """Put load on the site, and count."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and so end everything that was started
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # the SMTP server's own lines
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    answers: Counter[object] = Counter()
    connections = []
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        server = exits.enter_context(run_postgres(folder))
        admin = exits.enter_context(psycopg.connect(f"{server}/postgres", autocommit=True))
        stack, ends = start_stack(exits, folder, admin, server), time.time() + seconds
        threads = [threading.Thread(target=live, args=(stack, n, ends, answers)) for n in range(VISITORS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            connections.append(admin.execute(f"SELECT count(*) {OTHERS}".encode()).fetchone()[0])  # type: ignore[index]
            time.sleep(0.2)
        print(f"{seconds:.0f} s: at most {max(connections)} connections (bar {BAR}), {dict(answers)}", flush=True)
        stack.wait_until_processed(600)
        print(f"{stack.count('outbox')} emails, {stack.count('outbox WHERE attempts > 1')} of them after a retry")
        print("Errors in the logs:", sum(stack.read_logs().count(f"\n{level} [") for level in ("ERROR", "CRITICAL")))


if __name__ == "__main__":
    main()
