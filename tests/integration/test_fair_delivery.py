"""One recipient, one domain or a flood of other emails cannot delay a password reset."""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.auth.password_reset import request_reset
from flaskcelery.database import db
from flaskcelery.signup.operations import register
from tests import servers
from tests.integration.stack import Stack
from tests.processes import wait_until
from tests.servers import SmtpServer

SECONDS_PER_EMAIL = 0.2
TARPIT_SECONDS = 4  # for each recipient
RESETS = 5


class SlowServer(SmtpServer):
    """Takes a moment for every email, and very long for those to tarpit.org; notes when each one is here."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived: dict[str, float] = {}

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the recipient, after a while."""
        envelope.rcpt_tos.append(address)
        await asyncio.sleep(TARPIT_SECONDS if address.endswith("tarpit.org") else 0)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the email, after a while."""
        await asyncio.sleep(SECONDS_PER_EMAIL)
        self.arrived[envelope.rcpt_tos[0]] = time.monotonic()
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def smtp_server() -> Iterator[SlowServer]:
    """Return the slow server, which all emails of this test go to."""
    with servers.smtp_server(SlowServer()) as handler:
        yield handler


@pytest.fixture(params=["embedded", "redis"])
def stack(request: pytest.FixtureRequest, make_stack: Callable[..., Stack]) -> Stack:
    """Return an application with a worker and a relay, as the Procfile starts them."""
    stack = make_stack(request.param)
    stack.start_worker().wait_for_text("ready.")
    stack.start_relay(every=5)
    return stack


@pytest.fixture
def app(stack: Stack) -> Iterator[Flask]:
    """Return the application in this process, on the same database and broker."""
    app = create_app(stack.settings)
    with app.app_context():
        for number in range(RESETS):
            register(f"owner{number}", f"owner{number}@example.net", "correct horse battery")
        stack.wait_until_processed()
        yield app
        db.session.remove()
        db.engine.dispose()


def time_resets(smtp_server: SlowServer) -> tuple[float, float]:
    """Request some resets, one after the other; return the median and the most seconds until one is here."""
    seconds = []
    for number in range(RESETS):
        email = f"owner{number}@example.net"
        smtp_server.arrived.pop(email, None)
        started = time.monotonic()
        request_reset(email)
        wait_until(lambda: email in smtp_server.arrived, 60, f"the reset for {email}")  # noqa: B023  it ends here
        seconds.append(smtp_server.arrived[email] - started)
    return statistics.median(seconds), max(seconds)


@pytest.mark.flaky
@pytest.mark.requirement(60)
@pytest.mark.parametrize("domain", ["flood{}.org", "flood.org", "tarpit.org"])
def test_a_reset_waits_for_no_other_emails(
    stack: Stack, app: Flask, smtp_server: SlowServer, domain: str, record: Callable[[str], None]
) -> None:
    idle, _ = time_resets(smtp_server)
    for number in range(100):
        register(f"guest{number}", f"guest{number}@{domain.format(number)}", "correct horse battery")
    busy, slowest = time_resets(smtp_server)
    assert stack.count("outbox WHERE done_at IS NULL") > 10  # the flood is not over
    record(f"a reset took {idle:.2f} s when idle, {busy:.2f} s meanwhile, at most {slowest:.2f} s")
    assert busy <= 2 * idle


@pytest.mark.flaky
def test_the_emails_to_one_domain_use_their_whole_share(
    make_stack: Callable[..., Stack], smtp_server: SlowServer, record: Callable[[str], None]
) -> None:
    stack = make_stack("redis")
    stack.start_worker().wait_for_text("ready.")  # and no relay: what found no slot is published when one is free
    with create_app(stack.settings).app_context():
        started = time.monotonic()
        for number in range(40):
            register(f"guest{number}", f"guest{number}@flood.org", "correct horse battery")
        stack.wait_until_processed()
        db.session.remove()
        db.engine.dispose()
    seconds = time.monotonic() - started
    record(f"40 emails took {seconds:.1f} s")
    assert seconds < 3 * 40 * SECONDS_PER_EMAIL / 2
