"""Password hashes: Argon2id, and the PBKDF2 hashes that accounts imported from Django have."""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Flask, current_app

ARGON2 = "$argon2"
DJANGO = "pbkdf2_sha256$"
PASSWORD_MAX_LENGTH = 1024


class Hasher:
    """Hashes and verifies passwords, one at a time in a process: each Argon2 hash takes 19 MiB and a whole core."""

    def __init__(self, memory: int, passes: int, lanes: int) -> None:
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes)
        self._dummy_hash = self._argon2.hash(secrets.token_hex())
        self._turn = threading.Lock()

    def hash(self, password: str) -> str:
        """Return the Argon2id hash of the password's NFKC form."""
        with self._turn:
            return self._argon2.hash(_normalize(password))

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the password matches. Without a usable hash it takes as long and returns False."""
        is_short_enough = len(password) <= PASSWORD_MAX_LENGTH
        password = password[:PASSWORD_MAX_LENGTH]
        with self._turn:
            if password_hash and password_hash.startswith(DJANGO):
                return _matches_django(password, password_hash) and is_short_enough
            is_usable = bool(password_hash and password_hash.startswith(ARGON2))
            try:
                self._argon2.verify(password_hash if is_usable else self._dummy_hash, _normalize(password))  # type: ignore[arg-type]  # a str if usable
            except (VerificationError, InvalidHashError):
                return False
            return is_usable and is_short_enough

    def needs_rehash(self, password_hash: str) -> bool:
        """Return whether the hash was made in another way, or with other parameters, than today's."""
        return not password_hash.startswith(ARGON2) or self._argon2.check_needs_rehash(password_hash)


def init_passwords(app: Flask) -> None:
    app.extensions["hasher"] = Hasher(*app.config["ARGON2_PARAMETERS"])


def hasher() -> Hasher:
    """Return the application's hasher. Hashing is slow on purpose: keep no transaction open meanwhile."""
    found: Hasher = current_app.extensions["hasher"]
    return found


def _matches_django(password: str, password_hash: str) -> bool:
    """Check `pbkdf2_sha256$rounds$salt$digest`, which Django made of the password as it was typed."""
    try:
        _, rounds, salt, digest = password_hash.split("$")
        expected = base64.b64decode(digest, validate=True)
        typed = password.encode("utf-8", "surrogatepass")
        found = hashlib.pbkdf2_hmac("sha256", typed, salt.encode(), int(rounds))
    except (ValueError, OverflowError, binascii.Error):
        return False
    return hmac.compare_digest(found, expected)


def _normalize(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
