"""Passwords: Argon2id hashes, and the rules for choosing one."""

import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Flask, current_app

PASSWORD_MAX_LENGTH = 1024

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
    """Tell whether the password fits; for an unknown account (None) it is False after the same time."""
    hasher, stand_in = current_app.extensions["passwords"]
    try:
        with _turn:
            fits = hasher.verify(password_hash or stand_in, _normalize(password))
    except (VerificationError, InvalidHashError):
        return False
    return fits and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Tell whether the hash was made with other parameters than today's."""
    hasher: PasswordHasher = current_app.extensions["passwords"][0]
    return hasher.check_needs_rehash(password_hash)


def password_problems(password: str) -> list[str]:
    """Return a sentence for each rule that the new password breaks."""
    minimum = current_app.config["PASSWORD_MIN_LENGTH"]
    problems = []
    if len(password) < minimum:
        problems.append(f"This password is too short. It must contain at least {minimum} characters.")
    if len(password) > PASSWORD_MAX_LENGTH:
        problems.append(f"This password is too long. It may contain at most {PASSWORD_MAX_LENGTH} characters.")
    return problems


def _normalize(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
