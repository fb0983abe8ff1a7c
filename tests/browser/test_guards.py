"""What Chromium itself does with our headers: frames, and pages that were seen before."""

import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import open_browser
from tests.browser.person import Person
from tests.browser.site import Site
from tests.processes import HOST, free_port


@pytest.mark.requirement(25)
def test_the_back_button_shows_nothing_after_the_logout(person: Person) -> None:
    person.open("/accounts/login/?next=/accounts/me/")
    person.log_in("quiet@example.com")
    person.open("/accounts/me/")
    person.sees("quiet@example.com")
    person.log_out()
    for _ in range(3):
        person.page.go_back()
        expect(person.page.get_by_role("banner").get_by_role("link", name="Log in")).to_be_visible()
        assert "quiet@example.com" not in person.page.content()


@pytest.mark.requirement(29)
def test_no_page_can_be_framed_by_another_site(site: Site, chromium: Browser, tmp_path: Path) -> None:
    paths = ("/", "/accounts/login/", "/nowhere", "/static/nowhere", "/static/site.css")
    frames = "".join(f'<iframe src="{site.url}{path}"></iframe>' for path in paths)
    (tmp_path / "index.html").write_text(f"<!doctype html><title>evil</title><link rel=icon href=data:,>{frames}")
    port = free_port()
    evil = site.run("evil", f"{sys.executable} -m http.server {port} --bind {HOST} --directory {tmp_path}")
    evil.wait_for_port(port)
    with open_browser(chromium, f"http://{HOST}:{port}") as (context, watch):
        page = context.new_page()
        page.goto("/index.html", wait_until="networkidle")
        errors = [each for each in watch.complaints if "frame-ancestors 'none'" in each]
        assert len(errors) == len(paths), watch.complaints
        watch.complaints.clear()
        for frame in page.frames[1:]:
            assert "log in" not in frame.locator("body").inner_text().lower()
