"""`flask mail test` and `flask config`: what an operator looks at before any email is sent."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask.cli import FlaskGroup

from flaskcelery.app import create_app
from tests.processes import free_port
from tests.unit.mail.smtp_servers import MailServer, ScriptedServer, make_certificate

SECRET = "hunter2hunter2"
Run = Callable[..., Result]


@pytest.fixture
def run(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs a `flask` command in an environment of nothing but these settings."""
    smtp = {"MAIL_BACKEND": "smtp", "MAIL_SERVER": "localhost", "MAIL_TIMEOUT": "2"}

    def call(*words: str, **settings: str) -> Result:
        monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"], **environ, **smtp, **settings})
        return CliRunner().invoke(FlaskGroup(create_app=create_app, load_dotenv=False), words)

    return call


def test_the_dialogue_is_printed_without_log_in_and_email(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls, certificate = make_certificate(tmp_path)
    with MailServer(tls=tls) as server:
        log_in = {
            "MAIL_USE_TLS": "1",
            "MAIL_CA_FILE": str(certificate),
            "MAIL_USERNAME": "shop",
            "MAIL_PASSWORD": SECRET,
        }
        result = run("mail", "test", "ann@example.com", MAIL_PORT=str(server.port), **log_in)
        assert result.exit_code == 0, result.stderr
        assert server.logins[0].password == SECRET.encode()
        [message] = server.emails
    assert message["To"] == "ann@example.com"
    for line in (
        "-> starttls",
        "-> auth ",
        "-> mail from:<noreply@example.com>",  # older Pythons send capitals
        "-> rcpt to:<ann@example.com>",
        "<- 250 taken",
    ):
        assert line in result.stdout.lower(), result.stdout
    assert result.stdout.endswith("The mail server accepted the email.\n")
    for encoded in (SECRET, "c2hvcA", "aHVudGVy", "can send email"):  # the two in base 64
        assert encoded not in result.output + caplog.text


def test_a_log_in_by_steps_stays_out_too_even_if_the_server_repeats_it(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls, certificate = make_certificate(tmp_path)
    script = {"ehlo": b"250-fine\r\n250 AUTH LOGIN", "auth": b"334 UGFzc3dvcmQ6", "ahvu": f"235 {SECRET}".encode()}
    log_in = {"MAIL_USE_SSL": "1", "MAIL_CA_FILE": str(certificate), "MAIL_USERNAME": "shop", "MAIL_PASSWORD": SECRET}
    with ScriptedServer(tls=tls, **script) as server:
        result = run("mail", "test", "ann@example.com", MAIL_PORT=str(server.port), **log_in)
    assert result.exit_code == 0, result.stdout + result.stderr
    assert "-> AUTH LOGIN ***\n<- 334\n-> ***\n<- 235\n" in result.stdout
    for encoded in (SECRET, "c2hvcA", "aHVudGVy"):
        assert encoded not in result.output + caplog.text


def test_a_refusal_is_in_the_servers_words_and_the_exit_code_is_1(run: Run) -> None:
    with ScriptedServer(rcpt=b"550 no such user") as server:
        refused = run("mail", "test", "ann@example.com", MAIL_PORT=str(server.port))
    assert (refused.exit_code, "<- 550 no such user" in refused.stdout) == (1, True)
    assert "the email was not sent: RCPT: 550 no such user" in refused.stderr
    away = run("mail", "test", "ann@example.com", MAIL_PORT=str(free_port()))
    assert (away.exit_code, "CONNECT: " in away.stderr) == (1, True)
    assert run("mail", "test", "nowhere").exit_code == 1
    assert run("mail", "test").exit_code == 2


def test_config_tells_every_setting_its_source_and_no_secret(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key").write_text(SECRET * 5)
    settings = {
        "SECRET_KEY_FILE": str(tmp_path / "key"),
        "MAIL_PASSWORD": SECRET,
        "MAIL_USERNAME": "shop",
        "MAIL_USE_TLS": "1",
    }
    result = run("config", "--json", **settings)
    assert result.exit_code == 0, result.stderr
    found = {row["name"]: (row["value"], row["source"]) for row in json.loads(result.stdout)}
    assert found["SECRET_KEY"] == ("***", f"environment: {tmp_path / 'key'}")
    assert found["MAIL_PASSWORD"] == ("***", "environment")
    assert found["SITE_NAME"] == ("flaskcelery", "default")
    assert found["DATABASE_URL"] == ("", "default")
    lines = run("config", **settings).stdout
    assert "MAIL_USERNAME" in lines
    assert SECRET not in result.output + lines + caplog.text


def test_config_tells_what_comes_from_the_file_though_flask_has_put_it_into_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaskcelery.config.settings.ROOT", tmp_path)
    (tmp_path / ".env").write_text("SITE_NAME=Shop\nPORT=8001\nSIGN_UP=closed\n")
    rows = json.loads(run("config", "--json", SITE_NAME="Shop", PORT="9000").stdout)
    found = {row["name"]: (row["value"], row["source"]) for row in rows}
    assert found["SITE_NAME"] == ("Shop", ".env")
    assert found["PORT"] == (9000, "environment")
    assert found["SIGN_UP"] == ("closed", ".env")
