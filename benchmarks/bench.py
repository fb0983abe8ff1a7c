"""Everything that is measured, running side by side: the site as deployed, and its limits on the same kind of stack."""

import itertools
import logging
import multiprocessing
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import text
from tests.integration.complete import CompleteStack
from tests.integration.stack import PROCFILE, UWSGI_INI, Stack
from tests.processes import HOST, ROOT, Process, wait_until

from benchmarks.clients import Done, email_of, log_in, run_load, sign_up
from benchmarks.recipients import Recipients
from flaskcelery.config.derived import OUTBOX_QUEUE
from flaskcelery.config.parsers import ARGON2_DEFAULT

CORES = os.cpu_count() or 1
ACCOUNTS = 2000  # each can log in 60 times an hour
CLIENTS_FROM_ANYWHERE = f"set_real_ip_from {HOST}; real_ip_header X-Forwarded-For;"
COPY = """
INSERT INTO users (username, username_key, email, email_key, password_hash, is_active, is_staff, joined_at)
SELECT 'member' || n, 'member' || n, address, address, password_hash, true, false, joined_at
FROM users, (SELECT n, 'member' || n || '@d' || n % 50 || '.example' AS address FROM generate_series(1, :last) n) names
WHERE username = 'member0'
"""


@dataclass
class Bench:
    """The running parts, and the clients."""

    site: CompleteStack
    web: Process
    bare: Stack
    bare_web: Process
    bare_worker: Process
    bare_broker: Redis
    clients: ProcessPoolExecutor
    members: dict[int, str] = field(default_factory=dict)  # emails by id
    batches: Iterator[int] = field(default_factory=itertools.count)

    def submit(self, function: Callable[..., Any], *args: Any, **options: Any) -> "Future[Any]":
        """Let a process of its own do something."""
        return self.clients.submit(function, *args, **options)

    def load(self, act: partial[Any], **options: Any) -> "Future[list[Done]]":
        """Put load on the site."""
        return self.submit(run_load, act, **options)

    def signing_up(self) -> tuple[str, partial[Any]]:
        """Return how new people's names begin, and what they do."""
        name = f"p{next(self.batches)}x"
        return name, partial(sign_up, self.site.port, name)

    def logging_in(self) -> partial[Any]:
        """Return what members do."""
        return partial(log_in, self.site.port, "member", ACCOUNTS)

    def wait_until_idle(self) -> None:
        """Wait until no email is pending and no task waits."""
        self.site.wait_until_processed(120)
        wait_until(self.is_bare_idle, 60, "the limits' tasks are done")

    def is_bare_idle(self) -> bool:
        """Tell whether no task of the limits waits or runs."""
        return not (self.bare_broker.llen(OUTBOX_QUEUE) or self.bare_broker.hlen("unacked"))


def start_bare(site: CompleteStack, exits: ExitStack, folder: Path) -> tuple[Stack, Process, Process, Redis]:
    """Start the limits: uWSGI, nginx and worker with the files and options of the application."""
    folder.mkdir()
    broker = site.settings["CELERY_BROKER_URL"].removesuffix("0") + "1"
    bare = Stack(folder, exits, {**site.settings, "CELERY_BROKER_URL": broker})
    ini = (ROOT / UWSGI_INI).read_text().replace("%d..", str(ROOT))
    ini = ini.replace("wsgi:behind_nginx", "benchmarks.limits:page").replace("max-requests = 5000", "max-requests = 0")
    (folder / "uwsgi.ini").write_text(ini)  # new processes every few seconds would be no limit
    worker = bare.run("worker", PROCFILE["worker"].replace("celery_worker", "benchmarks.limits"))
    web = bare.start_web(ini=str(folder / "uwsgi.ini"))
    worker.wait_for_text("ready.")
    return bare, web, worker, Redis.from_url(broker)


def add_members(bench: Bench) -> None:
    """Let one person sign up, and copy the account."""
    sign_up(bench.site.port, "member", 0)
    with bench.site.engine.begin() as connection:
        connection.execute(text(COPY), {"last": ACCOUNTS - 1})
    bench.members = dict(bench.site.query("SELECT id, email FROM users ORDER BY id"))
    assert email_of("member", ACCOUNTS - 1) in bench.members.values()


@contextmanager
def start_bench(folder: Path) -> Iterator[Bench]:
    """Start everything, warm."""
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # the sink's
    (folder / "proxies.d").mkdir()
    (folder / "proxies.d/clients.conf").write_text(CLIENTS_FROM_ANYWHERE)
    deployed = {"APP_ENV": "production", "SECRET_KEY": secrets.token_hex(), "MAIL_DEFAULT_SENDER": "me@site.internal"}
    with ExitStack() as exits:
        site = CompleteStack.with_servers(
            folder, exits, "bench", Recipients(), ARGON2_PARAMETERS=ARGON2_DEFAULT, **deployed
        )
        site.start_worker()
        site.start_relay(every=5)
        web = site.start_web()
        site.worker.wait_for_text("ready.")
        processes = ProcessPoolExecutor(max(CORES, 4), multiprocessing.get_context("spawn"))
        bench = Bench(site, web, *start_bare(site, exits, folder / "bare"), exits.enter_context(processes))
        add_members(bench)
        bench.load(bench.signing_up()[1], seconds=1, at_once=8).result()
        bench.wait_until_idle()
        yield bench
