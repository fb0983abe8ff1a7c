"""The WSGI entry points: the `flask` command finds `app` by this file's name, uWSGI serves `behind_nginx`."""

import gc
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flaskcelery.app import create_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

app = create_app()
gc.freeze()  # uWSGI forks next: what garbage collection never looks at stays shared, and costs it no time


def behind_nginx(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Serve a request from nginx, which sets these two headers itself, whatever the visitor sent."""
    environ["REMOTE_ADDR"] = environ.get("HTTP_X_REAL_IP", environ["REMOTE_ADDR"])
    # Always set: uWSGI takes the scheme from X-Forwarded-Proto, which is the visitor's.
    environ["wsgi.url_scheme"] = environ.get("HTTP_X_SCHEME", "http")
    return app(environ, start_response)
