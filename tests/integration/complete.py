"""A stack that brings its own servers: Postgres, Redis and an SMTP server."""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

import psycopg

from tests import servers
from tests.integration.stack import NOTHING_SET, Stack
from tests.postgres import run_postgres
from tests.processes import HOST, migrate


class CompleteStack(Stack):
    """One application and all that it needs."""

    smtp_server: servers.SmtpServer

    @classmethod
    def with_servers(
        cls, folder: Path, exits: ExitStack, database: str, handler: servers.SmtpServer | None = None, **settings: str
    ) -> Self:
        """Start the servers and migrate the database; no process of the application runs yet."""
        smtp_server, redis = (
            exits.enter_context(servers.smtp_server(handler)),
            exits.enter_context(servers.redis(folder)),
        )
        url = exits.enter_context(run_postgres(folder))
        settings = {
            "INSTANCE_PATH": str(folder / "instance"),
            "DATABASE_URL": f"{url}/{database}",
            "CELERY_BROKER_URL": f"redis://{HOST}:{redis.port}/0",
            "MAIL_BACKEND": "smtp",
            "MAIL_SERVER": HOST,
            "MAIL_PORT": str(smtp_server.port),
            "ARGON2_PARAMETERS": "m=8,t=1,p=1",
            "RATELIMIT_ENABLED": "1",
            **settings,
        }
        with psycopg.connect(f"{url}/postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {database}")
        stack = cls(folder, exits, settings)
        migrate({**NOTHING_SET, **stack.settings})
        stack.smtp_server, stack.redis = smtp_server, redis
        return stack
