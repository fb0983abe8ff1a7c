"""Password hashes: Argon2id, and those that a Django application brings along."""

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

# One hash at a time in a process: more than there are cores slow each other down, and each takes its 19 MiB.
_turn = threading.Lock()


def init_passwords(app: Flask) -> None:
    """Prepare the hasher of `app` and the hash that stands in for an unknown account's."""
    memory, passes, lanes = app.config["ARGON2_PARAMETERS"]
    hasher = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes)
    app.extensions["passwords"] = (hasher, hasher.hash(secrets.token_hex()))


def hash_password(password: str) -> str:
    """Return the Argon2id hash of the password's NFKC form (slow on purpose: no transaction may be open)."""
    hasher: PasswordHasher = current_app.extensions["passwords"][0]
    with _turn:
        return hasher.hash(_normalize(password))


def verify_password(password: str, password_hash: str | None) -> bool:
    """Tell whether the password fits; where none can (no account, no usable hash) it is False after the same time."""
    if password_hash and password_hash.startswith(DJANGO):
        return _verify_django(password, password_hash)
    hasher, dummy_hash = current_app.extensions["passwords"]
    known = password_hash if password_hash and password_hash.startswith(ARGON2) else None
    try:
        with _turn:
            fits = hasher.verify(known or dummy_hash, _normalize(password))
    except (VerificationError, InvalidHashError):
        return False
    return fits and known is not None


def needs_rehash(password_hash: str) -> bool:
    """Tell whether the hash was made in another way, or with other parameters, than today's."""
    hasher: PasswordHasher = current_app.extensions["passwords"][0]
    return not password_hash.startswith(ARGON2) or hasher.check_needs_rehash(password_hash)


def is_usable(password_hash: str) -> bool:
    """Tell whether some password fits; `!`, as Django writes it, means none."""
    return not password_hash.startswith("!")


def _verify_django(password: str, password_hash: str) -> bool:
    """Check `pbkdf2_sha256$rounds$salt$digest`, which was made of the password as it was typed."""
    try:
        _, rounds, salt, digest = password_hash.split("$")
        expected = base64.b64decode(digest, validate=True)
        typed = password.encode("utf-8", "surrogatepass")
        with _turn:
            found = hashlib.pbkdf2_hmac("sha256", typed, salt.encode(), int(rounds))
    except (ValueError, OverflowError, binascii.Error):
        return False
    return hmac.compare_digest(found, expected)


def _normalize(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
