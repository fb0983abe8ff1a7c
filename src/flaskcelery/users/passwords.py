"""Password hashes: Argon2id, and the PBKDF2 hashes that accounts imported from Django have."""

import base64
import hashlib
import hmac
import re
import secrets
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Flask, current_app
from sqlalchemy import func, select

from flaskcelery.database import db
from flaskcelery.errors import TooBusy
from flaskcelery.users.models import HAS_PBKDF2_HASH, User

ARGON2 = "$argon2"
MAX_ROUNDS = 10_000_000  # of PBKDF2: eight times as many as in Django 6.0
MINUTE = 60  # seconds
MAX_WAIT = 3.0  # seconds until a hash begins
PASSWORD_MAX_LENGTH = 1024
MAX_OLDER = 8  # sets of parameters

# The number of rounds and what surrounds it: few different texts, even if there are many hashes.
PBKDF2_STARTS = select(func.substr(User.password_hash, 1, 23)).where(HAS_PBKDF2_HASH).distinct()

T = TypeVar("T")


class Work(NamedTuple):
    """What each failed check computes besides an Argon2 hash of today's parameters, so that its time tells nothing."""

    rounds: int = 0  # of PBKDF2
    older: tuple[str, ...] = ()  # a hash nobody has, for each set of older Argon2 parameters that accounts still have


NO_WORK = Work()


class HashingThread:
    """Runs what it is given one after the other, in one thread: the C library keeps a hash's 19 MiB for each thread.

    The thread starts with the first hash, because uWSGI forks before that.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)

    def run(self, work: Callable[..., T], *args: Any) -> T:
        """Return what `work` returns; raise TooBusy if its turn does not come within MAX_WAIT."""
        future = self._pool.submit(work, *args)
        try:
            return future.result(MAX_WAIT)
        except TimeoutError:
            if future.cancel():
                raise TooBusy(f"no password hash began within {MAX_WAIT} s") from None
        return future.result()  # it has begun


class Hasher:
    """Hashes and verifies passwords, one at a time in a process: each Argon2 hash takes 19 MiB and a whole core.

    PBKDF2 has a thread of its own: it takes ten times as long, and users with an Argon2 hash do not wait for it.
    """

    def __init__(self, memory: int, passes: int, lanes: int) -> None:
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes)
        self._dummy_hash = self._argon2.hash(secrets.token_hex())
        self._argon2_thread, self._pbkdf2_thread = HashingThread(), HashingThread()
        self._work, self._read_again_at = NO_WORK, 0.0
        self._older: tuple[str, ...] | None = None

    def hash(self, password: str) -> str:
        """Return the Argon2id hash of the password's NFKC form."""
        return self._argon2_thread.run(self._argon2.hash, _encode(normalize(password)))

    def verify(self, password: str, password_hash: str | None, least: Work = NO_WORK) -> bool:
        """Return whether the password matches. A failure costs at least `least`, whatever hash the account has."""
        tried = password[:PASSWORD_MAX_LENGTH]
        matches = self._matches_argon2(tried, password_hash or "", least.older) or self._matches_pbkdf2(
            tried, password_hash or "", least.rounds
        )
        return matches and tried == password

    def _matches_argon2(self, password: str, password_hash: str, older: tuple[str, ...]) -> bool:
        typed = _encode(normalize(password))
        own = password_hash if password_hash.startswith(ARGON2) else self._dummy_hash
        if self._argon2_thread.run(self._is_of, own, typed):
            return own == password_hash
        for dummy in (self._dummy_hash, *older):
            if not own.startswith(_parameters(dummy)):
                with suppress(TooBusy):  # the password was wrong: the caller counts it
                    self._argon2_thread.run(self._is_of, dummy, typed)
        return False

    def _is_of(self, password_hash: str, typed: bytes) -> bool:
        try:
            return self._argon2.verify(password_hash, typed)
        except (VerificationError, InvalidHashError):
            return False

    def _matches_pbkdf2(self, password: str, password_hash: str, least_rounds: int) -> bool:
        """Check a hash that Django made of the password as it was typed."""
        rounds, salt, digest = _parse_django(password_hash)
        typed = _encode(password)

        def check() -> bool:
            if rounds and hmac.compare_digest(hashlib.pbkdf2_hmac("sha256", typed, salt, rounds), digest):
                return True
            if rounds < least_rounds:
                hashlib.pbkdf2_hmac("sha256", typed, salt, least_rounds - rounds)
            return False

        return bool(rounds or least_rounds) and self._pbkdf2_thread.run(check)

    def work_of_failures(self) -> Work:
        """Return what accounts' hashes need: of PBKDF2 as of the last minute, of Argon2 as of the first call."""
        if time.monotonic() >= self._read_again_at:
            self._read_again_at = time.monotonic() + MINUTE
            rounds = max(map(_parse_rounds, db.session.scalars(PBKDF2_STARTS)), default=0)
            if self._older is None:  # once: no account gets older parameters, and this reads all accounts
                self._older = self._find_older()
            self._work = Work(rounds, self._older)
        return self._work

    def _find_older(self) -> tuple[str, ...]:
        known = [_parameters(self._dummy_hash)]
        for _ in range(MAX_OLDER):
            others = [~User.password_hash.startswith(each, autoescape=True) for each in known]
            found = select(User.password_hash).where(User.password_hash.startswith(ARGON2), *others).limit(1)
            if not (password_hash := db.session.scalar(found)):
                break
            known.append(_parameters(password_hash))
        return tuple(each + self._dummy_hash.removeprefix(known[0]) for each in known[1:])

    def needs_rehash(self, password_hash: str) -> bool:
        """Return whether the hash was made in another way, or with other parameters, than today's."""
        return not password_hash.startswith(ARGON2) or self._argon2.check_needs_rehash(password_hash)


def init_passwords(app: Flask) -> None:
    app.extensions["hasher"] = Hasher(*app.config["ARGON2_PARAMETERS"])


def hasher() -> Hasher:
    """Return the application's hasher. Hashing is slow on purpose: keep no transaction open meanwhile."""
    found: Hasher = current_app.extensions["hasher"]
    return found


def _parse_django(password_hash: str) -> tuple[int, bytes, bytes]:
    """Return the rounds, salt and digest of `pbkdf2_sha256$rounds$salt$digest`; without rounds it is unusable."""
    try:
        _, _, salt, digest = password_hash.split("$")
        return _parse_rounds(password_hash), salt.encode(), base64.b64decode(digest, validate=True)
    except ValueError:
        return 0, b"", b""


def _parse_rounds(password_hash: str) -> int:
    """Return the number of rounds, or 0 if there is none, or if it is so high that it would block every login."""
    found = re.match(r"pbkdf2_sha256\$([0-9]{1,8})\$", password_hash)
    return int(found[1]) if found and int(found[1]) <= MAX_ROUNDS else 0


def normalize(password: str) -> str:
    """Return the NFKC form, the one that is hashed: keyboards write the same letter in more than one way."""
    return unicodedata.normalize("NFKC", password)


def _encode(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _parameters(argon2_hash: str) -> str:
    """Return the beginning of the hash, up to its salt."""
    return "$".join(argon2_hash.split("$")[:4]) + "$"
