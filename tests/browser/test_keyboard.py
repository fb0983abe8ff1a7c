"""The whole way by keyboard alone: Tab, Enter, Space and typing."""

from playwright.sync_api import Page, expect

from flaskcelery.signup.forms import MIN_SECONDS
from tests.browser.person import Person
from tests.browser.site import Site
from tests.integration.visitor import PASSWORD

FOCUSED = """() => {
  const each = document.activeElement, style = getComputedStyle(each);
  const name = each.getAttribute("aria-label") || each.labels?.[0]?.innerText || each.innerText || "";
  return [name.trim().replace(/\\s+/g, " "), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0];
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on something of this name; wherever it stops, it must be seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused, is_seen = page.evaluate(FOCUSED)
        assert is_seen or focused == "", f"the focus is not seen on {focused}"
        if focused == name:
            return
    raise AssertionError(f"Tab does not come to {name}")


def enter(page: Page) -> None:
    """Press Enter, and wait for the page that follows."""
    with page.expect_navigation(wait_until="load"):
        page.keyboard.press("Enter")


def test_somebody_without_a_mouse_signs_up_confirms_and_deletes_the_account(site: Site, person: Person) -> None:
    page, keyboard = person.page, person.page.keyboard
    person.open("/")
    tab_to(page, "Sign up")
    enter(page)
    expect(person.main.get_by_label("Username", exact=True)).to_be_focused()
    keyboard.type("kim")
    enter(page)
    tab_to(page, "Email")
    keyboard.type("kim@example.com")
    for label in ("Password", "Confirm password"):
        tab_to(page, label)
        keyboard.type(PASSWORD)
    page.wait_for_timeout(1000 * MIN_SECONDS)  # as people do
    enter(page)
    person.sees("Account successfully created!")

    person.open(site.link_in_email("kim@example.com", "/confirm/"))
    keyboard.type(PASSWORD)
    enter(page)
    person.open("/accounts/login/")
    keyboard.type("kim@example.com")
    tab_to(page, "Password")
    keyboard.type(PASSWORD)
    tab_to(page, "Keep me logged in on this device")
    keyboard.press("Space")
    expect(person.main.get_by_label("Keep me logged in on this device")).to_be_checked()
    tab_to(page, "Log in")
    enter(page)

    person.open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_role("banner").locator("summary").focus()
    keyboard.press("Space")
    tab_to(page, "My account")
    enter(page)
    tab_to(page, "Delete my account")
    enter(page)
    tab_to(page, "Download your data")  # the navigation before it has a link of the button's name
    tab_to(page, "Delete account")
    site.pass_ten_minutes()
    enter(page)
    person.sees_title("Confirm that it’s you")
    keyboard.type(PASSWORD)
    tab_to(page, "Continue")
    enter(page)
    person.sees("Your account is deleted.")


def test_the_focus_goes_to_what_is_wrong(person: Person) -> None:
    person.open("/accounts/password_reset/")
    person.press("Send the link")
    expect(person.main.get_by_label("Email", exact=True)).to_be_focused()
    person.open("/accounts/signup/")
    person.press("Sign up")
    summary = person.main.get_by_role("alert")
    expect(summary).to_be_focused()
    person.page.keyboard.press("Tab")
    enter_link = person.page.keyboard.press
    enter_link("Enter")
    expect(person.main.get_by_label("Username", exact=True)).to_be_focused()
