"""Static files: URLs with a version, how long browsers can keep them, and what nginx is given."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

YEAR = "public, max-age=31536000, immutable"


@pytest.fixture
def app(own_app: Flask) -> Flask:
    """Return an application of the test's own: its static folder is replaced."""
    return own_app


@pytest.fixture
def style(app: Flask, tmp_path: Path) -> Path:
    """Return the style sheet of an application with a static folder of its own."""
    app.static_folder = shutil.copytree(app.static_folder, tmp_path / "static")
    path = tmp_path / "static" / "site.css"
    path.write_text("body {}")
    (path.parent / "icon.svg").write_text("<svg/>")
    return path


def addresses(client: FlaskClient) -> list[str]:
    """Return the static files that the home page names. With a query, it is rendered each time."""
    return re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/?again").text)


def test_a_page_names_files_that_can_be_kept_for_a_year(client: FlaskClient) -> None:
    names = {re.fullmatch(r"/static/(.+)\?v=[0-9a-f]{12}", path)[1] for path in addresses(client)}
    assert names >= {"site.css", "icon.svg"}
    for path in addresses(client):
        with client.get(path) as response:
            assert (response.status_code, response.headers["Cache-Control"]) == (200, YEAR)
            tag = response.headers["ETag"]
        with client.get(path, headers={"If-None-Match": tag}) as response:
            assert (response.status_code, response.headers["Cache-Control"]) == (304, YEAR)


def test_a_file_that_is_changed_during_development_has_another_url_and_the_old_one_still_leads_to_it(
    app: Flask, client: FlaskClient, style: Path
) -> None:
    app.debug = True
    old = addresses(client)[0]
    style.write_text("body { color: red }")
    os.utime(style, (1, 1))
    new = addresses(client)[0]
    assert old != new
    for path, caching in ((old, "no-cache"), (new, YEAR), ("/static/site.css", "no-cache")):
        with client.get(path) as response:
            assert (response.text, response.headers["Cache-Control"]) == ("body { color: red }", caching)
    for path in ("/static/site.js?v=0123456789ab", "/static/..%2fwsgi.py?v=0123456789ab", "/static/?v=0123456789ab"):
        assert client.get(path).status_code == 404


def test_collected_files_are_complete_and_replaced_by_the_next_release(app: Flask, style: Path, tmp_path: Path) -> None:
    folder, runner = tmp_path / "collected", app.test_cli_runner()
    for content in ("old {}", "new {}"):
        style.write_text(content)
        os.utime(style, (len(content), sum(content.encode())))
        assert runner.invoke(args=["static", "collect", str(folder)], catch_exceptions=False).exit_code == 0
    assert sorted(path.name for path in folder.glob("*.*")) == sorted(os.listdir(style.parent))
    assert (folder / "icon.svg").read_text() == "<svg/>"
    assert (folder / "site.css").read_text() == "new {}"
    for code in (400, 404, 405, 413, 429, 503):
        page = (folder / "errors" / f"{code}.html").read_text()
        assert 'button" href="/">' in page
        assert re.search(r'href="/static/site\.css\?v=[0-9a-f]{12}"', page)
    assert not list(folder.rglob(".*"))
