"""What is kept of a second factor: an encrypted secret, whose key follows SECRET_KEY, and hashes of recovery codes."""

from __future__ import annotations

import secrets

import pytest
from flask import Flask

from tests.authenticator import Authenticator
from tests.conftest import run_sql
from tests.functional.two_factor import CODE, RECOVERY, Person, forget_step
from tests.pages import errors_of


@pytest.fixture
def alice(app: Flask) -> Person:
    return Person(app)


def log_in(alice: Person, path: str, code: str) -> str:
    """Log in with a code; return the error, if there is one."""
    alice.begin()
    answer = alice.send(path, code=code)
    forget_step(alice.client.application)
    alerts = [line for line in answer.text.splitlines() if 'role="alert"' in line]
    return " ".join([*errors_of(answer.text, "code"), *alerts])


def rotate(app: Flask, *keys: str) -> None:
    app.config["SECRET_KEY"], *app.config["SECRET_KEY_FALLBACKS"] = keys


@pytest.mark.requirement(78)
def test_a_dump_of_the_database_holds_neither_secret_nor_codes(app: Flask, alice: Person) -> None:
    tables = [name for (name,) in run_sql(app, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    dump = "\n".join(str(run_sql(app, f"SELECT * FROM {name}")) for name in tables)
    assert "alice" in dump
    for secret in (alice.app.totp.secret, alice.app.totp.secret.lower(), alice.app.totp.byte_secret().hex()):
        assert secret not in dump
    for code in alice.codes:
        assert code not in dump
        assert code.replace("-", "") not in dump


@pytest.mark.requirement(78)
def test_a_dump_is_worth_nothing_without_the_key_and_recovery_codes_need_none(app: Flask, alice: Person) -> None:
    old = app.config["SECRET_KEY"]
    rotate(app, secrets.token_hex(32))
    assert "We cannot check the codes of your app right now." in log_in(alice, CODE, alice.app.code())
    assert log_in(alice, RECOVERY, alice.codes[0]) == ""
    alice.log_out()
    rotate(app, old)
    assert log_in(alice, CODE, alice.app.code()) == ""


@pytest.mark.requirement(78)
def test_a_secret_works_with_a_new_key_and_outlives_the_old_one_once_it_is_encrypted_anew(
    app: Flask, alice: Person
) -> None:
    old, new = app.config["SECRET_KEY"], secrets.token_hex(32)
    rotate(app, new, old)
    assert log_in(alice, CODE, alice.app.code()) == ""
    alice.log_out()
    before = run_sql(app, "SELECT totp_secret FROM users")
    assert app.test_cli_runner().invoke(args=["users", "encrypt-secrets"]).output == "1 encrypted\n"
    assert run_sql(app, "SELECT totp_secret FROM users") != before
    rotate(app, new)
    assert log_in(alice, CODE, alice.app.code()) == ""


def test_a_secret_that_no_key_can_read_stops_no_other_from_being_encrypted(app: Flask, alice: Person) -> None:
    mallory = Person(app, "mallory")
    run_sql(app, "UPDATE users SET totp_secret = 'unreadable' WHERE id = 1")
    assert app.test_cli_runner().invoke(args=["users", "encrypt-secrets"]).output == "1 encrypted\n"
    assert log_in(mallory, CODE, mallory.app.code()) == ""


def test_the_secret_of_an_app_has_160_bits(alice: Person) -> None:
    assert len(alice.app.totp.byte_secret()) == 20
    assert isinstance(alice.app, Authenticator)


@pytest.mark.parametrize("typed", ["{}", " {} ", "{:.4} {}", "wrong"])
def test_a_recovery_code_is_read_however_it_is_typed(alice: Person, typed: str) -> None:
    code = alice.codes[0]
    spellings = {"{}": code, " {} ": f" {code.upper()} ", "{:.4} {}": code.replace("-", " "), "wrong": code[:-1]}
    misread = spellings[typed].replace("o", "0").replace("l", "1").replace("b", "8")
    assert (log_in(alice, RECOVERY, misread) == "") == (typed != "wrong")
