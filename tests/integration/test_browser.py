"""The whole way in Chromium, through nginx and uWSGI, with an eye on the browser's console."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait
from sqlalchemy import text

from tests.integration.stack import Stack
from tests.processes import find_program, wait_until
from tests.servers import SmtpServer

PASSWORD = "correct horse battery"
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=900,900"
)

ACTS = {
    "Send a password link": "is on its way to user 2.",
    "Make staff": "The role of user 2 is now: staff.",
    "Make read-only staff": "The role of user 2 is now: viewer.",
    "Remove the role": "The role of user 2 is now: user.",
    "End all sessions": "Ended sessions of user 2: 0.",
    "Lock out": "User 2 is locked out.",
    "Unlock": "User 2 can log in again.",
}


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Return a browser with an empty profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = find_program("chromium")
    for option in (*OPTIONS.split(), f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(option)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(find_program("chromedriver")))
    yield browser
    browser.quit()


def next_page(browser: webdriver.Chrome, old_page: WebElement) -> str:
    """Wait until the old page has gone; return the text of the new one, which may be changing while it is read."""
    wait = WebDriverWait(browser, 10, ignored_exceptions=[WebDriverException])
    wait.until(expected_conditions.staleness_of(old_page))
    return str(wait.until(lambda browser: browser.find_element(By.TAG_NAME, "main").text))


def fill_in(browser: webdriver.Chrome, **fields: str) -> str:
    """Type into the fields, press the button and return the text of the page that follows."""
    for name, value in fields.items():
        field = browser.find_element(By.CSS_SELECTOR, f"main [name={name}]")
        field.clear()
        field.send_keys(value)
    old_page = browser.find_element(By.TAG_NAME, "main")
    browser.find_element(By.CSS_SELECTOR, "main button").click()
    return next_page(browser, old_page)


def press_log_out(browser: webdriver.Chrome) -> str:
    """Open the menu, log out, and return what the next page says."""
    old_page = browser.find_element(By.TAG_NAME, "main")
    browser.find_element(By.CSS_SELECTOR, ".menu summary").click()
    browser.find_element(By.CSS_SELECTOR, ".menu button").click()
    return next_page(browser, old_page)


def test_a_person_signs_up_logs_in_and_out(
    make_stack: Callable[..., Stack], smtp_server: SmtpServer, chromium: webdriver.Chrome
) -> None:
    site = make_stack().start_all().settings["PUBLIC_URL"]
    chromium.get(site)
    chromium.find_element(By.LINK_TEXT, "Create an account").click()
    page = fill_in(chromium, username="al ice", email="x", password1="short", password2="other")
    assert page.count("\n") > 6
    assert "Enter a valid email address." in page
    assert chromium.find_element(By.NAME, "username").get_attribute("value") == "al ice"

    both = {"password1": PASSWORD, "password2": PASSWORD}
    page = fill_in(chromium, username="alice", email="alice@example.com", **both)
    assert "Account successfully created!" in page
    assert smtp_server.wait_for(1)[0]["Subject"] == "Welcome alice!"

    assert "Please enter a correct email" in fill_in(chromium, username="alice@example.com", password="wrong")
    assert "Hello alice!" in fill_in(chromium, username="ALICE@example.com", password=PASSWORD)
    press_log_out(chromium)
    assert chromium.current_url == f"{site}/accounts/login/"
    chromium.back()
    chromium.refresh()
    assert "Create an account" in chromium.find_element(By.TAG_NAME, "main").text
    assert chromium.get_log("browser") == []


def test_a_person_confirms_an_address_renames_the_account_and_deletes_it(
    make_stack: Callable[..., Stack], smtp_server: SmtpServer, chromium: webdriver.Chrome
) -> None:
    stack = make_stack().start_all()
    site = stack.settings["PUBLIC_URL"]
    chromium.get(f"{site}/accounts/signup/")
    fill_in(chromium, username="alice", email="alice@example.com", password1=PASSWORD, password2=PASSWORD)
    fill_in(chromium, username="alice@example.com", password=PASSWORD)
    assert chromium.find_element(By.CLASS_NAME, "notice").is_displayed()

    text = smtp_server.wait_for(1)[0].get_body(("plain",)).get_content()
    chromium.get(re.search(rf"^{re.escape(site)}/\S+", text, re.MULTILINE)[0])
    page = fill_in(chromium)
    assert "Thank you, your email is confirmed." in page
    assert "(this device)" in page
    assert not chromium.find_elements(By.CLASS_NAME, "notice")

    chromium.find_element(By.CSS_SELECTOR, "[aria-label='Change the username']").click()
    assert "Your username is changed." in fill_in(chromium, username="bob")
    chromium.find_element(By.LINK_TEXT, "Delete my account").click()
    assert "entered incorrectly" in fill_in(chromium, password="wrong password")
    assert "Your account is deleted." in fill_in(chromium, password=PASSWORD)
    assert smtp_server.wait_for(2)[1]["Subject"] == "Your account at flaskcelery is deleted"
    wait_until(lambda: stack.count("users") == 0, 30, "the account is erased")
    assert chromium.get_log("browser") == []


def press(browser: webdriver.Chrome, label: str) -> str:
    """Press the button of this label, or follow the link; return the text of the page that follows."""
    old_page = browser.find_element(By.TAG_NAME, "main")
    browser.find_element(By.XPATH, f"//main//*[self::button or self::a][normalize-space()='{label}']").click()
    return next_page(browser, old_page)


def look_at_every_page(chromium: webdriver.Chrome) -> None:
    """Search, sort and open a row of each list."""
    for title in ("Users", "Emails", "Sessions", "Audit trail"):
        press(chromium, title)
        chromium.find_element(By.NAME, "q").send_keys("sue")
        press(chromium, "Show")
        press(chromium, title)
        chromium.find_element(By.CSS_SELECTOR, "th a").click()
        chromium.find_element(By.CSS_SELECTOR, "td a").click()
        assert chromium.find_element(By.CSS_SELECTOR, "dl dt").is_displayed()


def test_staff_works_through_every_page_and_act(make_stack: Callable[..., Stack], chromium: webdriver.Chrome) -> None:
    stack = make_stack()
    stack.start_web()
    stack.sign_up("sue")
    with stack.engine.begin() as connection:
        connection.execute(text("UPDATE users SET is_staff = true, email_confirmed_at = joined_at"))
        connection.execute(text("UPDATE outbox SET failed_at = created_at, error = '550 no'"))
    chromium.get(f"{stack.settings['PUBLIC_URL']}/accounts/login/?next=/admin/")
    page = fill_in(chromium, username="sue@example.com", password=PASSWORD)
    assert "No email is pending." in page
    assert len(chromium.find_elements(By.CSS_SELECTOR, "svg.chart rect")) == 30 + 48 + 48

    press(chromium, "Emails")
    assert "will be retried: 1." in press(chromium, "Retry all failed emails")
    press(chromium, "Users")
    press(chromium, "Add a user")
    assert "This field is required." in press(chromium, "Add a user")
    fill_in(chromium, username="bob", email="bob@example.com")
    press(chromium, "bob@example.com")
    row = chromium.current_url
    for action, sentence in ACTS.items():
        assert sentence in press(chromium, action)
        assert chromium.current_url == row
    press(chromium, "Edit")
    assert "username: bob → rob" in fill_in(chromium, username="rob", email="rob@example.com")
    assert "1 sent or failed emails" not in press(chromium, "Delete")
    assert "User 2 was deleted." in press(chromium, "Delete")

    look_at_every_page(chromium)
    press(chromium, "Sessions")
    chromium.find_element(By.CSS_SELECTOR, "td a").click()
    assert "Log in" in press(chromium, "End this session")
    assert chromium.get_log("browser") == []
