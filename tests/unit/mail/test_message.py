"""What an email is made of: its headers, its lines, and where it goes instead of to a server."""

from __future__ import annotations

import unicodedata
from email.message import Message as AnyMessage
from email.policy import compat32
from typing import Any

import pytest

from flaskcelery.extensions import mail
from flaskcelery.mail.errors import PermanentMailError
from flaskcelery.mail.message import CRLF, Message, compose, message_id
from flaskcelery.users.names import normalize_email
from tests.conftest import MakeApp
from tests.unit.mail.smtp_servers import MailServer, send

HEADERS = ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]
# No character above U+FFFF is of these categories.
FORBIDDEN = [c for c in map(chr, range(0x10000)) if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
NO_PORT = 9  # the port where nobody listens


@pytest.mark.requirement(36)
@pytest.mark.parametrize("backend", ["smtp", "console"])
def test_every_control_character_in_a_subject_is_refused(make_app: MakeApp, backend: str) -> None:
    assert {*"\0\t\r\n\x0b\x0c\x1c\x1d\x1e\x7f\x85\u2028\u2029\ud800"} < {*FORBIDDEN}
    suppress = "1" if backend == "smtp" else "0"  # checked all the same, without a connection for each
    app = make_app(MAIL_BACKEND=backend, MAIL_SERVER="localhost", MAIL_SUPPRESS_SEND=suppress)
    with app.app_context():
        for character in FORBIDDEN:
            with pytest.raises(PermanentMailError):
                mail.send(Message(f"Welcome bob{character} X-Injected: yes", ["bob@example.com"], "Hi"))


@pytest.mark.parametrize(
    "field",
    [
        {"sender": "Shop\x0bBcc: eve@example.com <shop@example.com>"},
        {"recipients": ["bob@example.com\x1eeve@example.com"]},
        {"cc": ["bob@example.com\x1c"]},
        {"bcc": ["bob@example.com\x1d"]},
        {"reply_to": "bob@example.com\x0c"},
        {"extra_headers": {"X-Name": "bob\x0bBcc: eve@example.com"}},
        {"extra_headers": {"X-Name\x0bBcc": "eve@example.com"}},
    ],
)
def test_a_control_character_in_any_header_is_refused(make_app: MakeApp, field: dict[str, Any]) -> None:
    with MailServer() as server:
        with pytest.raises(PermanentMailError, match="control character"):
            send(make_app, server.port, **field)
        assert server.envelopes == []


@pytest.mark.parametrize("username", ["alice", "a" * 150, "ж" * 150, "日本語" * 50, "a.b@c+d-e_f"])
def test_the_welcome_email_has_eight_headers_and_a_whole_subject(make_app: MakeApp, username: str) -> None:
    with MailServer() as server:
        app = make_app(MAIL_BACKEND="smtp", MAIL_SERVER="127.0.0.1")
        app.config["MAIL_PORT"] = server.port
        with app.test_request_context():
            message = compose("signup/email/welcome", to="bob@example.com", username=username, process_id=1)
            message.msgId = message_id("row")
            mail.send(message)
        [arrived] = server.emails
        assert sorted(arrived.keys()) == HEADERS
        assert arrived["Subject"].endswith(f" {username}!")
        assert arrived["Message-ID"] == "<row@example.com>"
        assert arrived["Auto-Submitted"] == "auto-generated"


def test_lines_of_any_length_arrive_whole_and_within_998_bytes(make_app: MakeApp) -> None:
    text = f"{'a' * 5000}\n{'ж' * 5000}\n.\nFrom me\n"
    with MailServer() as server:
        send(make_app, server.port, body=text, html=f"<p>{text}</p>")
        assert max(map(len, bytes(server.envelopes[0].content).splitlines())) <= 998
        plain, html = (server.emails[0].get_body([kind]).get_content() for kind in ("plain", "html"))
        assert plain.splitlines() == text.splitlines()
        assert html.splitlines() == f"<p>{text}</p>".splitlines()


def test_a_senders_name_with_a_comma_stays_one_address(make_app: MakeApp) -> None:
    with MailServer() as server:
        send(make_app, server.port, MAIL_DEFAULT_SENDER='"Acme, Inc." <shop@acme.org>')
        [sender] = server.emails[0]["From"].addresses
        assert (sender.display_name, sender.addr_spec) == ("Acme, Inc.", "shop@acme.org")
        assert server.envelopes[0].mail_from == "shop@acme.org"


def test_an_international_address_leaves_as_its_idna_2008_form(make_app: MakeApp) -> None:
    with MailServer() as server:
        send(make_app, server.port, recipients=[normalize_email("user@faß.de")])
        assert server.envelopes[0].rcpt_tos == ["user@xn--fa-hia.de"]


def test_an_address_that_is_not_ascii_never_leaves(make_app: MakeApp) -> None:
    with MailServer() as server:
        with pytest.raises(PermanentMailError, match="ASCII"):
            send(make_app, server.port, recipients=["user@faß.de"])
        assert server.envelopes == []


def test_the_dialogue_is_never_printed(make_app: MakeApp, capfd: pytest.CaptureFixture[str]) -> None:
    with MailServer() as server:
        send(make_app, server.port, DEBUG="1", MAIL_DEBUG="1", body="https://example.com/secret-link")
        assert len(server.envelopes) == 1
    assert "secret-link" not in "".join(capfd.readouterr())


def test_suppressed_email_reaches_no_server_and_no_console(
    make_app: MakeApp, capfd: pytest.CaptureFixture[str]
) -> None:
    for backend in ("smtp", "console"):
        send(make_app, NO_PORT, MAIL_BACKEND=backend, MAIL_SUPPRESS_SEND="1")
    assert capfd.readouterr().out == ""


def test_the_console_shows_one_block_with_links_whole(make_app: MakeApp, capfd: pytest.CaptureFixture[str]) -> None:
    link = f"https://example.com/{'x' * 300}"
    send(make_app, NO_PORT, MAIL_BACKEND="console", subject="Grüße", body=f"Öffnen:\n{link}")
    rule, *head, _, greeting, shown, last_rule = capfd.readouterr().out.splitlines()
    assert rule == last_rule == "-" * 70
    assert head[:3] == ["From: flaskcelery <noreply@example.com>", "To: bob@example.com", "Subject: Grüße"]
    assert (greeting, shown) == ("Öffnen:", link)


@pytest.mark.parametrize("value", ["", " a  b ", "a\tb", "x" * 300, "=?utf-8?q?=C3=A4?=", "a;\n b", "ä"])
def test_a_header_has_the_bytes_of_pythons_policy(value: str) -> None:
    message = AnyMessage()
    message["Subject"] = value
    pythons = compat32.clone(linesep=CRLF.linesep, max_line_length=None)
    assert message.as_bytes(policy=CRLF) == message.as_bytes(policy=pythons)
