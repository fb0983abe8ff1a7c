"""What a mail server's refusal is about: one email, or all of ours."""

import pytest

from flaskcelery.mail.errors import ConfigurationMailError, MailError, PermanentMailError
from tests.conftest import MakeApp
from tests.unit.mail.smtp_servers import ScriptedServer, send


@pytest.mark.requirement(60)
@pytest.mark.parametrize("step", ["rcpt", "data", "dot"])
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("550 5.7.1 <BOB@example.com>: Recipient address rejected: Access denied", PermanentMailError),
        ("550 5.7.511 bob@example.com does not take emails from outside", PermanentMailError),
        ("550 5.7.1 Service unavailable, client [203.0.113.9] blocked", ConfigurationMailError),
        ("550 5.7.26 Unauthenticated email from example.org", ConfigurationMailError),
        ("554 5.7.1 <bob@example.com>: Relay access denied", ConfigurationMailError),
        ("550 5.7.54 Unable to relay recipient bob@example.com", ConfigurationMailError),
    ],
)
def test_a_5_7_reply_is_about_one_email_only_if_it_names_the_recipient(
    make_app: MakeApp, step: str, reply: str, kind: type[MailError]
) -> None:
    with ScriptedServer(**{step: reply.encode()}) as server, pytest.raises(MailError) as seen:
        send(make_app, server.port)
    assert seen.type is kind
