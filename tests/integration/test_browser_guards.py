"""What Chromium itself does with our headers: frames, and pages that were seen before."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.integration.stack import Stack
from tests.integration.test_browser import PASSWORD, fill_in, press_log_out
from tests.processes import HOST, free_port


@pytest.mark.requirement(25)
def test_the_back_button_shows_nothing_after_the_log_out(
    make_stack: Callable[..., Stack], chromium: webdriver.Chrome
) -> None:
    stack = make_stack()
    stack.start_web()
    stack.sign_up("alice")
    site = stack.settings["PUBLIC_URL"]
    chromium.get(f"{site}/accounts/login/?next=/accounts/me/")
    assert "alice@example.com" in fill_in(chromium, username="alice@example.com", password=PASSWORD)
    press_log_out(chromium)
    for _ in range(3):
        chromium.back()
        wait = WebDriverWait(chromium, 10, ignored_exceptions=[StaleElementReferenceException])
        page = wait.until(lambda browser: browser.find_element(By.TAG_NAME, "main").text)
        assert re.search("Create an account|Forgotten your password", page)
        assert "alice" not in chromium.page_source


@pytest.mark.requirement(29)
def test_no_page_can_be_framed_by_another_site(
    make_stack: Callable[..., Stack], chromium: webdriver.Chrome, tmp_path: Path
) -> None:
    stack = make_stack()
    stack.start_web()
    folder = tmp_path / "evil"
    folder.mkdir()
    paths = ("/", "/accounts/login/", "/nowhere", "/static/nowhere", "/static/site.css")
    frames = "".join(f'<iframe src="{stack.settings["PUBLIC_URL"]}{path}"></iframe>' for path in paths)
    (folder / "index.html").write_text(f"<!doctype html><title>evil</title><link rel=icon href=data:,>{frames}")
    port = free_port()
    evil = stack.run("evil", f"{sys.executable} -m http.server {port} --bind {HOST} --directory {folder}")
    evil.wait_for_port(port)
    chromium.get(f"http://{HOST}:{port}/index.html")
    errors = [line["message"] for line in chromium.get_log("browser")]
    assert sum("frame-ancestors 'none'" in line for line in errors) == len(paths), errors
    for number in range(len(paths)):
        chromium.switch_to.frame(number)
        assert "log in" not in chromium.find_element(By.TAG_NAME, "body").text.lower()
        chromium.switch_to.default_content()
