"""Whose word is believed about where a visitor comes from."""

from __future__ import annotations

import pytest
from flask import request

from flaskcelery.app import create_app

FORGED = {
    "X-Forwarded-For": "6.6.6.6, 10.0.0.1, 10.0.0.2",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.com",
}


@pytest.mark.parametrize(
    ("proxies", "seen"), [(0, "127.0.0.1 http"), (1, "10.0.0.2 https"), (2, "10.0.0.1 https"), (4, "127.0.0.1 https")]
)
def test_as_many_proxies_are_believed_as_there_are(environ: dict[str, str], proxies: int, seen: str) -> None:
    app = create_app({**environ, "TRUSTED_PROXIES": str(proxies)})
    app.add_url_rule("/who", view_func=lambda: f"{request.remote_addr} {request.scheme} {request.host}")
    assert app.test_client().get("/who", headers=FORGED).text == f"{seen} localhost"
