"""Static files: a name for ever, a plain name for now, and what nginx is given."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def style(app: Flask, tmp_path: Path) -> Path:
    """Return the one static file of an application with a static folder of its own."""
    app.static_folder = str(tmp_path / "static")
    path = tmp_path / "static" / "site.css"
    path.parent.mkdir()
    path.write_text("body {}")
    (path.parent / "icon.svg").write_text("<svg/>")
    return path


def addresses(client: FlaskClient) -> list[str]:
    """Return the static files that the home page names."""
    return re.findall(r'href="(/static/[^"]+)"', client.get("/").text)


def test_a_page_names_files_that_may_be_kept_for_ever(client: FlaskClient) -> None:
    assert [re.sub("[0-9a-f]{12}", "HASH", path) for path in addresses(client)] == [
        "/static/site.HASH.css",
        "/static/icon.HASH.svg",
    ]
    for path in addresses(client):
        with client.get(path) as response:
            assert (response.status_code, response.headers["Cache-Control"]) == (200, FOR_EVER)


def test_a_changed_file_has_another_name_and_the_old_one_still_leads_to_it(client: FlaskClient, style: Path) -> None:
    old = addresses(client)[0]
    style.write_text("body { color: red }")
    os.utime(style, (1, 1))
    new = addresses(client)[0]
    assert old != new
    for path, caching in ((old, "no-cache"), (new, FOR_EVER), ("/static/site.css", "no-cache")):
        with client.get(path) as response:
            assert (response.text, response.headers["Cache-Control"]) == ("body { color: red }", caching)
    for path in ("/static/site.0123456789ab.js", "/static/..%2fwsgi.0123456789ab.py", "/static/.0123456789ab.css"):
        assert client.get(path).status_code == 404


def test_collected_files_are_complete_and_the_last_release_stays(app: Flask, style: Path, tmp_path: Path) -> None:
    folder, runner = tmp_path / "collected", app.test_cli_runner()
    for content in ("old {}", "new {}"):
        style.write_text(content)
        os.utime(style, (len(content), sum(content.encode())))
        assert runner.invoke(args=["static", "collect", str(folder)], catch_exceptions=False).exit_code == 0
    lasting = sorted(path.read_text() for path in folder.glob("site.*.css"))
    assert lasting == ["new {}", "old {}"]
    for path in folder.glob("*.css"):
        assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == path.read_bytes()
    assert (folder / "site.css").read_text() == "new {}"
    for code in (400, 404, 405, 413, 429, 503):
        page = (folder / "errors" / f"{code}.html").read_text()
        assert '<a href="/">To the home page</a>' in page
        assert re.search(r'href="/static/site\.[0-9a-f]{12}\.css"', page)
    assert not list(folder.rglob(".*"))
