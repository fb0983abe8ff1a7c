"""The session cookie: signed by Flask, but of any age."""

from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import TimestampSigner, URLSafeTimedSerializer


class AnyAgeSigner(TimestampSigner):
    """Takes a cookie of any age, even one from the future: hosts' clocks differ, and the session row decides."""

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        """Check the signature only."""
        return super().unsign(signed_value, None, return_timestamp)  # type: ignore[call-overload]  # its two are Literals


class SessionCookie(SecureCookieSessionInterface):
    """Flask's session cookie, but for its age."""

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what reads and writes the cookie."""
        serializer = super().get_signing_serializer(app)
        if serializer:
            serializer.signer = AnyAgeSigner
        return serializer
