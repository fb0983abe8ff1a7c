"""Static files under names that change with their content, so that browsers may keep them for ever."""

import functools
import gzip
import hashlib
import os
import re
from pathlib import Path

from flask import Flask, Response, current_app, url_for

FINGERPRINT = re.compile(r"\.[0-9a-f]{12}(?=\.\w+$)")
FOR_EVER = 365 * 24 * 3600  # seconds


def init_static_files(app: Flask) -> None:
    """Serve each static file under its fingerprinted name, too, and let templates say `static_url("site.css")`."""
    app.view_functions["static"] = send_static_file
    app.jinja_env.globals["static_url"] = static_url


def static_url(filename: str) -> str:
    """Return the address of a static file, which changes when the file does."""
    return url_for("static", filename=_fingerprinted(filename))


def send_static_file(filename: str) -> Response:
    """Send a file; under its present fingerprint for ever, under another one as what it is now."""
    plain = FINGERPRINT.sub("", filename)
    response = current_app.send_static_file(plain)
    if filename != plain and filename == _fingerprinted(plain):
        response.headers["Cache-Control"] = f"public, max-age={FOR_EVER}, immutable"
    return response


def collect_static_files(folder: Path) -> list[Path]:
    """Write each file under both names, with a compressed copy beside it; older files stay, for pages in flight."""
    source, written = Path(current_app.static_folder or ""), []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        filename, content = str(path.relative_to(source)), path.read_bytes()
        for name in (filename, _fingerprinted(filename)):
            write_whole(folder / name, content)
            write_whole(folder / f"{name}.gz", gzip.compress(content, mtime=0))
            written.append(folder / name)
    return written


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that nobody sees half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _fingerprinted(filename: str) -> str:
    path = Path(current_app.static_folder or "") / filename
    digest = _hash(path, path.stat().st_mtime_ns)
    return str(Path(filename).with_suffix(f".{digest}{path.suffix}"))


@functools.lru_cache
def _hash(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
