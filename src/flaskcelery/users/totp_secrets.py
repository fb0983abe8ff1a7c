"""Encryption of the secrets of authenticator apps, so that a dump of the database is worth nothing without the key."""

import base64
import hmac
import logging

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app

from flaskcelery.errors import UserFacingError

logger = logging.getLogger(__name__)


class UnreadableSecret(UserFacingError):
    message = "We cannot check the codes of your app right now. Please use a recovery code."


def encrypt(secret: str) -> str:
    return _cipher().encrypt(secret.encode()).decode()


def decrypt(encrypted: str) -> str:
    """Return the secret; raise UnreadableSecret if neither SECRET_KEY nor one of its fallbacks encrypted it."""
    try:
        return _cipher().decrypt(encrypted).decode()
    except InvalidToken:
        logger.error("A TOTP secret cannot be read: the key that encrypted it is not in SECRET_KEY_FALLBACKS")
        raise UnreadableSecret from None


def _cipher() -> MultiFernet:
    """Return a cipher that encrypts with SECRET_KEY, and also decrypts with its fallbacks."""
    keys = [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]
    # A key of its own, so that no other use of SECRET_KEY can read a secret.
    digests = [hmac.digest(key.encode(), b"encrypt: totp", "sha256") for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
