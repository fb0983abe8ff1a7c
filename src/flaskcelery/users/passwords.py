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
from typing import Any, TypeVar

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

# The number of rounds and what surrounds it: few different texts, even if there are many hashes.
PBKDF2_STARTS = select(func.substr(User.password_hash, 1, 23)).where(HAS_PBKDF2_HASH).distinct()

T = TypeVar("T")


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
        self._most_rounds, self._read_again_at = 0, 0.0

    def hash(self, password: str) -> str:
        """Return the Argon2id hash of the password's NFKC form."""
        return self._argon2_thread.run(self._argon2.hash, _normalize(password))

    def verify(self, password: str, password_hash: str | None, least_rounds: int = 0) -> bool:
        """Return whether the password matches.

        A failure costs one Argon2 hash and `least_rounds` of PBKDF2, whatever hash the account has, if any.
        """
        tried = password[:PASSWORD_MAX_LENGTH]
        matches = self._matches_argon2(tried, password_hash) or self._matches_pbkdf2(tried, password_hash, least_rounds)
        return matches and tried == password

    def _matches_argon2(self, password: str, password_hash: str | None) -> bool:
        is_usable = bool(password_hash and password_hash.startswith(ARGON2))
        known_hash = password_hash if is_usable else self._dummy_hash
        try:
            self._argon2_thread.run(self._argon2.verify, known_hash, _normalize(password))
        except (VerificationError, InvalidHashError):
            return False
        return is_usable

    def _matches_pbkdf2(self, password: str, password_hash: str | None, least_rounds: int) -> bool:
        """Check a hash that Django made of the password as it was typed."""
        rounds, salt, digest = _parse_django(password_hash or "")
        typed = password.encode("utf-8", "surrogatepass")

        def check() -> bool:
            if rounds and hmac.compare_digest(hashlib.pbkdf2_hmac("sha256", typed, salt, rounds), digest):
                return True
            if rounds < least_rounds:
                hashlib.pbkdf2_hmac("sha256", typed, salt, least_rounds - rounds)
            return False

        return bool(rounds or least_rounds) and self._pbkdf2_thread.run(check)

    def most_rounds(self) -> int:
        """Return the most rounds of any account's PBKDF2 hash, as they were at most a minute ago."""
        if time.monotonic() >= self._read_again_at:
            self._most_rounds = max(map(_parse_rounds, db.session.scalars(PBKDF2_STARTS)), default=0)
            self._read_again_at = time.monotonic() + MINUTE
        return self._most_rounds

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


def _normalize(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
