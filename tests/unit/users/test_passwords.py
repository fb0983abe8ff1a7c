"""Passwords: the hash, its parameters, and what counts as the same password."""

import hashlib
import threading
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.database import db, transaction
from flaskcelery.errors import TooBusy
from flaskcelery.users import passwords
from flaskcelery.users.models import User
from flaskcelery.users.passwords import Hasher, HashingThread, Work, hasher


@pytest.mark.requirement(1)
def test_the_default_hash_is_argon2id_with_at_least_the_owasp_parameters(environ: dict[str, str]) -> None:
    environ.pop("ARGON2_PARAMETERS")
    with create_app(environ).app_context():
        assert hasher().hash("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_hash_is_remade_when_the_parameters_change(app: Flask, environ: dict[str, str]) -> None:
    with app.app_context():
        old = hasher().hash("correct horse")
        assert not hasher().needs_rehash(old)
    with create_app({**environ, "ARGON2_PARAMETERS": "m=16,t=1,p=1"}).app_context():
        assert hasher().needs_rehash(old)
        assert hasher().verify("correct horse", old)


def test_one_password_typed_on_two_keyboards_is_one_password(app: Flask) -> None:
    with app.app_context():
        decomposed = unicodedata.normalize("NFD", "pässwörd")
        assert hasher().verify("pässwörd", hasher().hash(decomposed))


def test_no_password_fits_an_unknown_account_or_a_broken_hash(app: Flask) -> None:
    with app.app_context():
        assert not hasher().verify("", None)
        assert not hasher().verify("x", "plain text")
        assert not hasher().verify("x", "")


@pytest.mark.parametrize("password_hash", ["!", "!Ab3dE", "md5$salt$digest"])
def test_no_password_fits_an_unusable_hash_and_finding_out_costs_one_check(
    app: Flask, monkeypatch: pytest.MonkeyPatch, password_hash: str
) -> None:
    checked = []
    original = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda *args: checked.append(args[1][:9]) or original(*args))
    with app.app_context():
        assert not hasher().verify(password_hash, password_hash)
        assert not hasher().verify("", password_hash)
        assert checked == ["$argon2id"] * 2  # that of the stand-in: no other is work


# Made by Django 5.2.19: make_password(password, "fixedsaltfixedsalt"); the second with 390,000 rounds, as 4.1 has them.
DJANGO_HASHES = {
    "correct horse battery": "pbkdf2_sha256$1000000$fixedsaltfixedsalt$kJQkRH4kGSHH/9TUSA3aaGpZNvUAAa6JFTE8Fw+ku1Q=",
    "pässwo\u0308rd ﬁ": "pbkdf2_sha256$390000$fixedsaltfixedsalt$ZDB1PFN0ipoIQFM9xxd2ZyBRhcIwr6/YHIYDQn02+5Y=",
}


@pytest.mark.parametrize(("password", "password_hash"), DJANGO_HASHES.items())
def test_a_hash_made_by_django_is_verified_and_due_to_be_remade(app: Flask, password: str, password_hash: str) -> None:
    with app.app_context():
        assert hasher().verify(password, password_hash)
        assert hasher().needs_rehash(password_hash)
        assert not hasher().verify(password + "x", password_hash)
        assert not hasher().verify(password, password_hash[:-5] + "AAAA=")


@pytest.mark.parametrize(
    "rest", ["", "a$b$c", "0$salt$AAAA", "-1$salt$AAAA", f"{10**30}$salt$AAAA", "1$salt$é", "1$s$t$u"]
)
def test_no_password_fits_a_broken_django_hash(app: Flask, rest: str) -> None:
    with app.app_context():
        assert not hasher().verify("x", f"pbkdf2_sha256${rest}")


def test_one_process_computes_one_hash_at_a_time_in_one_thread(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, threads = [], [], set()

    class Slow:
        def hash(self, _password: bytes) -> str:
            at_once.append(1)
            most.append(len(at_once))
            threads.add(threading.get_ident())
            time.sleep(0.01)
            at_once.pop()
            return ""

        def verify(self, _hash: str, password: bytes) -> bool:
            return not self.hash(password)

    def work(number: int) -> None:
        with app.app_context():
            hasher().hash("x") if number % 2 else hasher().verify("x", "")

    monkeypatch.setattr(app.extensions["hasher"], "_argon2", Slow())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    assert most == [1] * 16
    assert len(threads) == 1  # the C library keeps a hash's memory for each thread


def test_a_hash_that_does_not_begin_in_time_is_never_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_WAIT", 0.05)
    is_busy, may_end, computed = threading.Event(), threading.Event(), []

    def be_slow() -> str:
        is_busy.set()
        assert may_end.wait(10)
        return "done"

    hashing = HashingThread()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(hashing.run, be_slow)
        assert is_busy.wait(10)
        with pytest.raises(TooBusy):
            hashing.run(computed.append, 1)
        may_end.set()
        assert slow.result() == "done"  # it had begun, and took longer than MAX_WAIT
    hashing.run(computed.append, 2)
    assert computed == [2]


def test_a_password_does_not_wait_for_the_long_hashes_of_imported_accounts(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_busy, may_end = threading.Event(), threading.Event()

    def be_slow(*_args: object) -> bytes:
        is_busy.set()
        assert may_end.wait(10)
        return b""

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", be_slow)
    slow: Hasher = app.extensions["hasher"]
    own_hash = slow.hash("correct horse")
    with ThreadPoolExecutor(1) as pool:
        guess = pool.submit(slow.verify, "x", "pbkdf2_sha256$1000$salt$AAAA")
        assert is_busy.wait(10)
        assert slow.verify("correct horse", own_hash, Work(1000))
        assert not guess.done()
        may_end.set()
        assert not guess.result()


def test_the_rounds_of_imported_accounts_are_read_at_most_once_a_minute(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(passwords.time, "monotonic", lambda: now)
    with app.app_context():
        assert hasher().work_of_failures().rounds == 0
        with transaction():
            for rounds in ("900000", "1200000", "10000001", "999999999", "x"):
                names = dict.fromkeys(("username", "username_key", "email", "email_key"), rounds)
                db.session.add(User(**names, password_hash=f"pbkdf2_sha256${rounds}$salt$AAAA"))
        assert hasher().work_of_failures().rounds == 0
        now += passwords.MINUTE
        assert hasher().work_of_failures().rounds == 1_200_000
