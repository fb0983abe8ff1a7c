"""The way of a member with an authenticator app, from its set-up to the day when the phone is lost."""

from collections.abc import Callable

import pytest

from tests.authenticator import Authenticator, recovery_codes_in
from tests.browser.person import Person
from tests.browser.site import Site

EMAIL = "nora@example.com"


@pytest.fixture
def member(site: Site, person: Person) -> Person:
    """Return a new, confirmed member, who looks at the account."""
    person.sign_up("nora")
    person.log_in(EMAIL)
    person.open(site.link_in_email(EMAIL, "/confirm/"))
    person.press("Yes, confirm it")
    person.sees_title("My account")
    return person


def download_codes(person: Person) -> list[str]:
    """Return the recovery codes of the page, which are also those of the text file."""
    person.sees_title("Your recovery codes")
    codes = recovery_codes_in(person.page.content())
    with person.page.expect_download() as download:
        person.follow("Download as a text file")
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert download.value.path().read_text().split() == codes
    person.follow("I have saved them")
    return codes


def test_a_member_sets_an_app_up_logs_in_with_it_and_loses_the_phone(
    member: Person, make_person: Callable[..., Person]
) -> None:
    member.follow("Set up two-factor authentication")
    authenticator = Authenticator(member.page.content())
    member.fill(Code_from_your_app=authenticator.wrong_code())
    member.press("Turn on")
    member.sees("This code is wrong")
    member.fill(Code_from_your_app=authenticator.code())
    member.press("Turn on")
    codes = download_codes(member)
    member.sees("10 recovery codes left")

    phone = make_person(viewport={"width": 390, "height": 844})
    phone.log_in(EMAIL)
    phone.sees_title("Enter your code")
    phone.fill(Code_from_your_app=authenticator.code(1))
    phone.press("Log in")
    phone.open_menu()

    member.log_out()
    member.log_in(EMAIL)
    member.follow("No phone at hand? Use a recovery code")
    member.fill(Recovery_code="not one of them")
    member.press("Log in")
    member.sees("This code is wrong")
    member.fill(Recovery_code=codes[3])
    member.press("Log in")
    member.open("/accounts/me/")
    member.sees("9 recovery codes left")
    member.follow("New recovery codes")
    member.press("Make new codes")
    assert set(download_codes(member)).isdisjoint(codes)
    member.follow("Turn off two-factor authentication")
    member.press("Turn off")
    member.sees("Two-factor authentication is off.")
