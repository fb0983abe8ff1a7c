"""Passwords: the hash, its parameters, and what counts as the same password."""

import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.users.passwords import hash_password, needs_rehash, password_problems, verify_password


def test_the_default_hash_is_argon2id_with_at_least_the_owasp_parameters(environ: dict[str, str]) -> None:
    environ.pop("ARGON2_PARAMETERS")
    with create_app(environ).app_context():
        assert hash_password("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_hash_is_remade_when_the_parameters_change(app: Flask, environ: dict[str, str]) -> None:
    with app.app_context():
        old = hash_password("correct horse")
        assert not needs_rehash(old)
    with create_app({**environ, "ARGON2_PARAMETERS": "m=16,t=1,p=1"}).app_context():
        assert needs_rehash(old)
        assert verify_password("correct horse", old)


def test_one_password_typed_on_two_keyboards_is_one_password(app: Flask) -> None:
    with app.app_context():
        decomposed = unicodedata.normalize("NFD", "pässwörd")
        assert verify_password("pässwörd", hash_password(decomposed))


def test_no_password_fits_an_unknown_account_or_a_broken_hash(app: Flask) -> None:
    with app.app_context():
        assert not verify_password("", None)
        assert not verify_password("x", "plain text")
        assert not verify_password("x", "")


def test_length_is_counted_in_characters(app: Flask) -> None:
    with app.app_context():
        assert password_problems("1234567") == ["This password is too short. It must contain at least 8 characters."]
        assert password_problems("🐎" * 8) == []
        assert password_problems("x" * 1024) == []
        assert len(password_problems("x" * 1025)) == 1


def test_one_process_computes_one_hash_at_a_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most = [], []

    class Slow:
        def hash(self, _password: bytes) -> str:
            at_once.append(1)
            most.append(len(at_once))
            time.sleep(0.01)
            at_once.pop()
            return ""

        def verify(self, _hash: str, password: bytes) -> bool:
            return not self.hash(password)

    def work(number: int) -> None:
        with app.app_context():
            hash_password("x") if number % 2 else verify_password("x", "")

    monkeypatch.setitem(app.extensions, "passwords", (Slow(), ""))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    assert most == [1] * 16
