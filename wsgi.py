"""The WSGI entry points: the `flask` command finds `app` by this file's name, uWSGI serves `behind_nginx`."""

import gc
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flaskcelery.app import create_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

app = create_app()
gc.freeze()  # uWSGI forks next: what garbage collection never looks at stays shared, and costs it no time
variables: list[str] = []


def behind_nginx(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Serve a request from nginx, which sets these two headers itself, whatever the visitor sent."""
    # uWSGI interns the names of a request's variables. If they went with the request, Python's table of interned names
    # would be rebuilt after some 10,000 requests, and each process would have its own, of 4 MB, not a shared one.
    if not variables:
        variables.extend(environ)
    environ["REMOTE_ADDR"] = environ.get("HTTP_X_REAL_IP", environ["REMOTE_ADDR"])
    # Always set: uWSGI takes the scheme from X-Forwarded-Proto, which is the visitor's.
    environ["wsgi.url_scheme"] = environ.get("HTTP_X_SCHEME", "http")
    return app(environ, start_response)
