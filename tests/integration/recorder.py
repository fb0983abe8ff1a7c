"""A WSGI application that prints each request as it was understood: `module` of uWSGI, in the place of ours."""

import json
import time
from collections.abc import Iterable
from typing import Any

NAMES = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_HOST", "HTTP_X_REAL_IP", "HTTP_X_SCHEME")


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Print the request, then answer it; hang on the query "hang"."""
    if environ["QUERY_STRING"] == "hang":
        time.sleep(60)
    seen = {name: environ.get(name, "") for name in NAMES}
    seen["body"] = environ["wsgi.input"].read().decode("latin-1")
    print(json.dumps({"recorded": seen}), flush=True)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "9")])
    return [b"recorded\n"]
