"""The whole way, over real servers: sign up, get the welcome email, log in, log out."""

import re
from collections.abc import Callable

import pytest

from tests.integration.stack import Stack
from tests.servers import SmtpServer

HEADERS = ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]


@pytest.mark.parametrize("broker", ["embedded", "redis"])
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_visitor_signs_up_gets_an_email_logs_in_and_out(
    make_stack: Callable[..., Stack], smtp_server: SmtpServer, broker: str, database: str
) -> None:
    """The four combinations of broker and database do the same."""
    stack = make_stack(broker, database, MAIL_DEFAULT_SENDER="The Site <hello@mail.example.org>").start_all()
    visitor = stack.visitor()

    answer = visitor.sign_up("alice", "Alice@Example.com")
    assert (answer.status, answer.headers["Location"]) == (302, "/accounts/login/")
    (message,) = smtp_server.wait_for(1)
    assert sorted(message.keys()) == HEADERS
    assert " alice!" in message["Subject"]
    assert message["From"] == "The Site <hello@mail.example.org>"
    assert message["To"] == "Alice@example.com"
    assert message["Message-ID"] == f"<{stack.row_ids()[0]}@mail.example.org>"
    text = message.get_body(("plain",)).get_content()
    assert "Hi alice," in text
    sender = re.search(r"process ID (\d+)\.", text)[1]
    assert int(sender) in stack.worker.children(), "the worker sent it, not the relay"

    assert not visitor.is_logged_in()
    assert visitor.log_in("alice@example.com").status == 302
    assert visitor.is_logged_in()
    copy = stack.visitor(visitor.cookies)
    assert copy.is_logged_in()
    assert visitor.log_out().status == 302
    assert not visitor.is_logged_in()
    assert not copy.is_logged_in()
