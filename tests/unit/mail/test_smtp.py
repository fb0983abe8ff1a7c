"""Mail: deadlines, verified TLS, and a result that only the server's reply decides."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flaskcelery.mail.errors import (
    ConfigurationMailError,
    MailError,
    PermanentMailError,
    TemporaryMailError,
    UnknownMailError,
)
from tests.conftest import MakeApp
from tests.unit.mail.smtp_servers import DROP, SILENCE, MailServer, ScriptedServer, make_certificate, send

LONG = b"250 " + b"x" * 9000  # smtplib gives up on a line of more than 8 kB
LOGIN = {"MAIL_USERNAME": "shop", "MAIL_PASSWORD": "s3cret-w0rd"}
BOTH_WAYS = pytest.mark.parametrize("way", ["MAIL_USE_TLS", "MAIL_USE_SSL"])
Certificate = tuple[ssl.SSLContext, Path]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Return the TLS context of a server that calls itself localhost, and the file to trust it by."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def no_watchdog_is_left() -> Iterator[None]:
    """Check after each test that every watchdog ended with its email, however that went."""
    yield
    end = time.monotonic() + 0.8  # less than a deadline, after which it would end by itself
    while any(thread.name == "smtp-deadline" for thread in threading.enumerate()):
        assert time.monotonic() < end, "a watchdog outlived its email"
        time.sleep(0.01)


@pytest.mark.defect("D17")
@pytest.mark.parametrize("step", ["banner", "dot"])
def test_a_server_that_falls_silent_is_left_after_the_timeout(make_app: MakeApp, step: str) -> None:
    with ScriptedServer(**{step: SILENCE}) as server:
        start = time.monotonic()
        with pytest.raises(TemporaryMailError, match="timed out"):
            send(make_app, server.port)
        assert 0.4 < time.monotonic() - start < 5


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_server_that_drips_is_left_at_the_total_deadline(
    make_app: MakeApp, certificate: Certificate, encrypted: bool
) -> None:
    tls = {"MAIL_USE_SSL": "1", "MAIL_CA_FILE": str(certificate[1])} if encrypted else {}
    with ScriptedServer(banner=b"220 " + b"x" * 80, pace=0.1, tls=certificate[0] if encrypted else None) as server:
        start = time.monotonic()
        with pytest.raises(TemporaryMailError):
            send(make_app, server.port, MAIL_TIMEOUT="0.3", **tls)
        assert 0.8 < time.monotonic() - start < 5


@pytest.mark.parametrize("end", [DROP, SILENCE, b"500 what?"])
def test_nothing_at_quit_changes_that_the_email_was_taken(make_app: MakeApp, end: bytes) -> None:
    with ScriptedServer(quit=end) as server:
        send(make_app, server.port)
        assert len(server.emails) == 1


def test_an_answer_to_quit_that_is_dripped_delays_nothing(make_app: MakeApp) -> None:
    with ScriptedServer(quit=b"221 " + b"x" * 500, pace=0.02) as server:
        start = time.monotonic()
        send(make_app, server.port, MAIL_TIMEOUT="3")
        assert time.monotonic() - start < 5


@pytest.mark.parametrize("code", ["421", "451"])
@pytest.mark.parametrize("step", ["banner", "mail", "rcpt", "data", "dot"])
def test_a_4xx_reply_is_temporary_and_its_code_is_kept(make_app: MakeApp, step: str, code: str) -> None:
    with ScriptedServer(**{step: f"{code} later".encode()}) as server, pytest.raises(TemporaryMailError, match=code):
        send(make_app, server.port)


@pytest.mark.parametrize(
    ("step", "reply", "kind"),
    [
        ("mail", b"530 log in first", ConfigurationMailError),
        ("rcpt", b"550 nobody here", PermanentMailError),
        ("rcpt", DROP, TemporaryMailError),
        ("rcpt", LONG, TemporaryMailError),
        ("data", DROP, TemporaryMailError),
        ("dot", b"452 disk full", TemporaryMailError),
        ("dot", DROP, UnknownMailError),
        ("dot", SILENCE, UnknownMailError),
        ("dot", LONG, UnknownMailError),
        ("dot", b"\xff\xfe", UnknownMailError),
    ],
)
def test_each_end_of_a_stage_has_its_meaning(make_app: MakeApp, step: str, reply: bytes, kind: type[MailError]) -> None:
    with ScriptedServer(**{step: reply}) as server, pytest.raises(MailError) as seen:
        send(make_app, server.port)
    assert seen.type is kind


@pytest.mark.parametrize("step", ["rcpt", "data", "dot"])
def test_a_5xx_reply_about_the_email_is_permanent(make_app: MakeApp, step: str) -> None:
    with ScriptedServer(**{step: b"554 never"}) as server, pytest.raises(PermanentMailError, match="554 never"):
        send(make_app, server.port)


@pytest.mark.parametrize("step", ["banner", "mail"])
def test_a_5xx_reply_about_us_is_temporary(make_app: MakeApp, step: str) -> None:
    with ScriptedServer(**{step: b"550 who?"}) as server, pytest.raises(TemporaryMailError, match="550"):
        send(make_app, server.port)


@pytest.mark.parametrize("banner", [DROP, b"\xff\xfe", b"2" * 9000, b"-1 no"])
def test_nonsense_is_temporary(make_app: MakeApp, banner: bytes) -> None:
    with ScriptedServer(banner=banner) as server, pytest.raises(TemporaryMailError):
        send(make_app, server.port)


def test_a_sender_whose_lease_is_nearly_over_sends_no_data(make_app: MakeApp) -> None:
    with ScriptedServer() as server:
        with pytest.raises(TemporaryMailError, match="the lease is nearly over"):
            send(make_app, server.port, send_before=time.monotonic() - 1)
        assert server.emails == []


def test_a_refused_connection_is_temporary(make_app: MakeApp) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(TemporaryMailError, match="refused"):
            send(make_app, unused.getsockname()[1])


def test_a_refused_log_in_is_temporary_and_its_reply_is_not_repeated(
    make_app: MakeApp, certificate: Certificate
) -> None:
    script = {"ehlo": b"250-hi\r\n250 AUTH PLAIN", "auth": b"535 not s3cret-w0rd"}
    with ScriptedServer(tls=certificate[0], **script) as server, pytest.raises(TemporaryMailError, match="535") as seen:
        send(make_app, server.port, MAIL_USE_SSL="1", MAIL_CA_FILE=str(certificate[1]), **LOGIN)
    assert "s3cret" not in str(seen.value)


@BOTH_WAYS
def test_a_trusted_server_gets_the_log_in_and_the_email(make_app: MakeApp, certificate: Certificate, way: str) -> None:
    with MailServer(tls=certificate[0], implicit_tls=way == "MAIL_USE_SSL") as server:
        send(make_app, server.port, MAIL_CA_FILE=str(certificate[1]), **{way: "1"}, **LOGIN)
        assert (len(server.logins), len(server.emails)) == (1, 1)


@BOTH_WAYS
@pytest.mark.parametrize("fault", ["self-signed", "other name"])
def test_an_unverified_server_gets_nothing(make_app: MakeApp, certificate: Certificate, way: str, fault: str) -> None:
    settings = {"MAIL_SERVER": "127.0.0.1", "MAIL_CA_FILE": str(certificate[1])} if fault == "other name" else {}
    with MailServer(tls=certificate[0], implicit_tls=way == "MAIL_USE_SSL") as server:
        with pytest.raises(TemporaryMailError, match="CERTIFICATE_VERIFY_FAILED"):
            send(make_app, server.port, **settings, **{way: "1"}, **LOGIN)
        assert (server.logins, server.envelopes) == ([], [])


def test_a_server_that_offers_no_tls_gets_nothing(make_app: MakeApp) -> None:
    with ScriptedServer() as server:
        with pytest.raises(TemporaryMailError, match="STARTTLS"):
            send(make_app, server.port, MAIL_USE_TLS="1", **LOGIN)
        server.wait_for_hang_up()
        assert [command[:4] for command in server.commands] == [b"ehlo", b"quit"]


def test_a_server_is_told_the_senders_domain_not_this_machines_name(make_app: MakeApp) -> None:
    with ScriptedServer() as server:
        send(make_app, server.port, MAIL_DEFAULT_SENDER="Shop <shop@acme.org>")
        assert server.commands[0] == b"ehlo acme.org\r\n"


def test_the_socket_is_closed_when_the_email_is_sent(make_app: MakeApp) -> None:
    with ScriptedServer() as server:
        send(make_app, server.port)
        server.wait_for_hang_up()


@pytest.mark.parametrize("step", ["mail", "rcpt", "dot"])
def test_what_a_server_says_is_kept_short_and_printable(make_app: MakeApp, step: str) -> None:
    reply = b"\r\n".join([b"550-\x1b]0;\0 " + b"x" * 900] * 50 + [b"550 end"])
    with ScriptedServer(**{step: reply}) as server, pytest.raises(MailError, match="550") as seen:
        send(make_app, server.port)
    assert str(seen.value).isprintable()
    assert len(str(seen.value)) < 2000
