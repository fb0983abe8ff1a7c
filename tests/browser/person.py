"""A person in front of a browser, who knows buttons, links and fields by their names, as a screen reader does."""

from re import Pattern

from playwright.sync_api import Locator, Page, expect

from flaskcelery.signup.forms import MIN_SECONDS
from tests.integration.visitor import PASSWORD

Name = str | Pattern[str]


class Person:
    """Somebody with a browser of their own."""

    name = ""  # of an account, whose email is NAME@example.com

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def main(self) -> Locator:
        """Return the page without what all pages share."""
        return self.page.get_by_role("main")

    def open(self, path: str) -> None:
        """Type an address."""
        self.page.goto(path)

    def fill(self, **values: str) -> None:
        """Type into the fields with these labels; in a keyword `_` stands for a blank."""
        for label, value in values.items():
            self.main.get_by_label(label.replace("_", " "), exact=True).fill(value)

    def press(self, name: Name, within: Locator | None = None) -> None:
        """Press the button of this name."""
        (within or self.main).get_by_role("button", name=name, exact=True).click()

    def follow(self, name: Name, within: Locator | None = None) -> None:
        """Follow the link of this name."""
        (within or self.main).get_by_role("link", name=name, exact=True).click()

    def sees(self, *texts: Name) -> None:
        """Expect these texts on the page."""
        for text in texts:
            expect(self.main).to_contain_text(text)

    def sees_not(self, *texts: Name) -> None:
        """Expect none of these texts on the page."""
        for text in texts:
            expect(self.main).not_to_contain_text(text)

    def sees_title(self, title: Name) -> None:
        """Expect the page with this heading."""
        expect(self.main.get_by_role("heading", level=1)).to_contain_text(title)

    def open_menu(self) -> Locator:
        """Open the menu of the header, which is there once somebody is logged in."""
        banner = self.page.get_by_role("banner")
        banner.locator("summary").click()  # it has no role of its own
        return banner

    def log_out(self) -> None:
        """Log out by the menu, which is on every page."""
        self.press("Log out", self.open_menu())
        self.sees_title("Log in")

    def sign_up(self, name: str) -> None:
        """Come by the home page and open an account."""
        self.open("/")
        self.page.get_by_role("banner").get_by_role("link", name="Sign up").click()
        self.sees_title("Create your account")
        self.fill(Username=name, Email=f"{name}@example.com", Password=PASSWORD, Confirm_password=PASSWORD)
        self.page.wait_for_timeout(1000 * MIN_SECONDS)  # as people do
        self.press("Sign up")
        self.sees("Account successfully created!")

    def log_in(self, email: str, password: str = PASSWORD) -> None:
        """Go to the login page and log in."""
        self.open("/accounts/login/")
        self.fill(Email=email, Password=password)
        self.press("Log in")
