"""Recipients of emails, and the SMTP server that takes them at once, after 50 ms, or never, as their domain says."""

import asyncio

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import text
from tests.integration.complete import CompleteStack
from tests.servers import SmtpServer

NEAR, FAR, STUCK = "near", "far", "stuck"  # how their names and domains begin
DELAYS = {FAR: 0.05, STUCK: 3600}  # seconds
DOMAINS = {NEAR: 50, FAR: 50, STUCK: 1}  # a worker sends to each one with half of its processes only
ADD = """
INSERT INTO users (username, username_key, email, email_key, password_hash, is_active, is_staff, joined_at)
SELECT name, name, address, address, '!', true, false, now() FROM (SELECT :kind || n AS name,
  :kind || n || '@' || :kind || '-' || n % :domains || '.example' AS address FROM generate_series(1, :count) n) names
ON CONFLICT DO NOTHING
"""
FIND = "SELECT id, email FROM users WHERE username LIKE :kind || '%' ORDER BY id LIMIT :count"


class Recipients(SmtpServer):
    """Takes every email; some recipients are accepted late, or never."""

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the recipient."""
        envelope.rcpt_tos.append(address)
        await asyncio.sleep(DELAYS.get(address.partition("@")[2].partition("-")[0], 0))
        return "250 OK"


def add_recipients(site: CompleteStack, kind: str, count: int) -> dict[int, str]:
    """Return the emails by id of so many users of this kind; add those who are not there yet."""
    with site.engine.begin() as connection:
        connection.execute(text(ADD), {"kind": kind, "count": count, "domains": DOMAINS[kind]})
    return {row[0]: row[1] for row in site.query(FIND, kind=kind, count=count)}
