"""A worker process keeps its SMTP session for its next email."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery.signals import worker_process_init, worker_process_shutdown
from flask import Flask

from flaskcelery.extensions import mail
from flaskcelery.mail.errors import MailError, PermanentMailError, TemporaryMailError, UnknownMailError
from flaskcelery.mail.message import Message
from flaskcelery.mail.smtp import MAX_EMAILS
from tests.conftest import MakeApp
from tests.unit.mail.smtp_servers import DROP, SILENCE, ScriptedServer, make_certificate
from tests.unit.mail.test_smtp import no_watchdog_is_left  # noqa: F401  the fixture, for each test

TIMEOUT = 0.4


@contextmanager
def worker_process(make_app: MakeApp, port: int, **settings: str) -> Iterator[Flask]:
    """Be a pool process of a worker until the block ends."""
    smtp = {"MAIL_BACKEND": "smtp", "MAIL_SERVER": "localhost", "MAIL_TIMEOUT": str(TIMEOUT)}
    app = make_app(**smtp, **settings)
    app.config["MAIL_PORT"] = port
    worker_process_init.send(sender=None)
    with app.app_context():
        yield app
    worker_process_shutdown.send(sender=None)


def send(name: str = "bob") -> None:
    mail.send(Message("Hello", [f"{name}@example.com"], "Hi"))


def count(server: ScriptedServer, command: bytes) -> int:
    return sum(line.startswith(command) for line in server.commands)


def test_emails_share_a_session_that_ends_with_the_process(make_app: MakeApp) -> None:
    with ScriptedServer() as server:
        with worker_process(make_app, server.port):
            for _ in range(3):
                send()
            assert (count(server, b"ehlo"), count(server, b"quit"), len(server.emails)) == (1, 0, 3)
        server.wait_for_hang_up()
        server.wait_for_hang_up()
        assert count(server, b"quit") == 1


def test_no_other_process_keeps_a_session(make_app: MakeApp) -> None:
    with ScriptedServer() as server, worker_process(make_app, server.port) as app:
        app.extensions["smtp_sessions"] = None
        send()
        server.wait_for_hang_up()


def test_a_session_carries_a_limited_number_of_emails(make_app: MakeApp) -> None:
    with ScriptedServer() as server, worker_process(make_app, server.port):
        for _ in range(MAX_EMAILS + 1):
            send()
        server.wait_for_hang_up(kept=1)
        assert (count(server, b"ehlo"), count(server, b"quit")) == (2, 1)


@pytest.mark.parametrize("encrypted", [False, True])
def test_an_idle_session_says_quit_by_itself(
    make_app: MakeApp, tmp_path_factory: pytest.TempPathFactory, encrypted: bool
) -> None:
    tls, path = make_certificate(tmp_path_factory.mktemp("tls"))
    settings = {"MAIL_USE_SSL": "1", "MAIL_CA_FILE": str(path)} if encrypted else {}
    with ScriptedServer(tls=tls if encrypted else None) as server, worker_process(make_app, server.port, **settings):
        send()
        send()
        assert count(server, b"ehlo") == 1
        time.sleep(3 * TIMEOUT + 0.3)
        server.wait_for_hang_up()
        assert count(server, b"quit") == 1
        send()
        assert (count(server, b"ehlo"), len(server.emails)) == (2, 3)


@pytest.mark.parametrize("goodbye", [b"421 closing", b"550 closing"])
def test_what_the_server_says_between_two_emails_decides_neither(make_app: MakeApp, goodbye: bytes) -> None:
    with ScriptedServer(dot=b"250 taken\r\n" + goodbye) as server, worker_process(make_app, server.port):
        send("bob")
        send("eve")
        assert (count(server, b"ehlo"), len(server.emails)) == (2, 2)


def test_a_server_that_answers_the_last_email_twice_has_not_taken_the_next(make_app: MakeApp) -> None:
    with ScriptedServer(dot=b"250 taken\r\n250 taken") as server, worker_process(make_app, server.port):
        send("bob")
        with pytest.raises(TemporaryMailError, match="DATA: 250"):
            send("eve")
        send("eve")
        assert (count(server, b"ehlo"), len(server.emails)) == (2, 2)


@pytest.mark.parametrize("answer", [b"421 too many emails", b"550 enough", DROP])
def test_a_server_that_has_had_enough_of_a_session_gets_a_new_one(make_app: MakeApp, answer: bytes) -> None:
    with ScriptedServer(later={"mail": answer}) as server, worker_process(make_app, server.port):
        send()
        send()
        assert (count(server, b"ehlo"), len(server.emails)) == (2, 2)


@pytest.mark.parametrize(
    ("step", "answer", "kind"),
    [
        ("rcpt", b"550 nobody here", PermanentMailError),
        ("rcpt", b"451 later", TemporaryMailError),
        ("dot", b"554 spam", PermanentMailError),
        ("dot", DROP, UnknownMailError),
        ("dot", SILENCE, UnknownMailError),
    ],
)
def test_an_error_means_the_same_in_a_kept_session_and_ends_it(
    make_app: MakeApp, step: str, answer: bytes, kind: type[MailError]
) -> None:
    with ScriptedServer(later={step: answer}) as server, worker_process(make_app, server.port):
        send()
        with pytest.raises(MailError) as seen:
            send()
        assert seen.type is kind
        assert count(server, b"ehlo") == 1
        send()
        assert count(server, b"ehlo") == 2


def test_an_email_that_cannot_be_built_does_not_count_as_sent_perhaps(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as server, worker_process(make_app, server.port):
        send()
        monkeypatch.setattr(Message, "as_bytes", lambda _: int("no"))
        with pytest.raises(TemporaryMailError) as seen:
            send()
        assert seen.type is TemporaryMailError


def test_an_email_over_a_kept_session_has_all_its_time(make_app: MakeApp) -> None:
    with ScriptedServer() as server, worker_process(make_app, server.port):
        send()
        time.sleep(2 * TIMEOUT)
        server.pace = 0.02  # a second for all replies
        send()
        assert (count(server, b"ehlo"), len(server.emails)) == (1, 2)


def test_a_kept_session_and_its_successor_share_one_deadline(make_app: MakeApp) -> None:
    script = {"mail": b"250-please wait\r\n" * 40, "banner": b"220 " + b"x" * 60}
    with ScriptedServer(later=script) as server, worker_process(make_app, server.port):
        send()
        server.pace = 0.1
        started = time.monotonic()
        with pytest.raises(TemporaryMailError):
            send()
        assert time.monotonic() - started < 5 * TIMEOUT
