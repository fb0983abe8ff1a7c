"""Static files: browsers keep them for a year under a URL that changes with the content."""

import functools
import hashlib
import os
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request

YEAR = 365 * 24 * 3600  # seconds


def init_static_files(app: Flask) -> None:
    """Add `?v=` and the content's hash to each `url_for("static", ...)`, and allow caching under the right hash."""

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values.setdefault("v", version(values["filename"]))

    @app.after_request
    def allow_caching(response: Response) -> Response:
        is_file = request.endpoint == "static" and response.status_code in {200, 304}
        # During a release a page asks for another release's hash; what it gets then must not be kept.
        if is_file and request.args.get("v") == version((request.view_args or {})["filename"]):
            response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
        return response


def version(filename: str) -> str:
    """Return the hash of a static file as it is now."""
    path = f"{current_app.static_folder}/{filename}"
    return _hash(path, os.stat(path).st_mtime_ns)


@functools.lru_cache
def _hash(path: str, _changed: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
