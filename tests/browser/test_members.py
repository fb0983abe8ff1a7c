"""The way of a member: names, password, devices, data, and the end of the account."""

import itertools
import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.browser.site import Site
from tests.integration.visitor import PASSWORD
from tests.processes import wait_until

NEW_PASSWORD = "another horse battery"
NUMBERS = itertools.count(1)


@pytest.fixture
def member(site: Site, person: Person) -> Person:
    """Return a new, confirmed member, who looks at the account."""
    name = f"member-{next(NUMBERS)}"
    person.sign_up(name)
    person.log_in(f"{name}@example.com")
    person.open(site.link_in_email(f"{name}@example.com", "/confirm/"))
    person.press("Yes, confirm it")
    person.sees_title("My account")
    person.name = name
    return person


def test_a_member_changes_the_username(member: Person) -> None:
    member.follow("Change the username")
    member.fill(New_username="boss")
    member.press("Change username")
    member.sees("already exists")
    member.fill(New_username="renamed")
    member.press("Change username")
    member.sees("Your username is changed.", "renamed")


def test_a_member_changes_the_password(member: Person, make_person: Callable[..., Person]) -> None:
    phone = make_person()
    phone.log_in(f"{member.name}@example.com")
    member.follow("Change the password")
    member.fill(Old_password="not the password", New_password=NEW_PASSWORD, Confirm_password=NEW_PASSWORD)
    member.press("Change password")
    member.sees("Your old password was entered incorrectly.")
    member.fill(Old_password=PASSWORD, New_password=NEW_PASSWORD, Confirm_password=NEW_PASSWORD)
    member.press("Change password")
    member.sees("was changed")
    phone.open("/accounts/me/")
    phone.sees_title("Log in")
    phone.log_in(f"{member.name}@example.com", NEW_PASSWORD)
    phone.open("/accounts/me/")
    phone.sees_title("My account")


def test_a_member_changes_the_email_and_the_old_mailbox_undoes_it(
    site: Site, member: Person, make_person: Callable[..., Person]
) -> None:
    old, new = f"{member.name}@example.com", f"{member.name}@new.example.com"
    member.follow("Change the email")
    member.fill(New_email=new)
    site.pass_ten_minutes()
    member.press("Send the link")
    member.sees_title("Confirm that it’s you")
    member.fill(Your_password="not the password")
    member.press("Continue")
    member.sees("incorrectly")
    member.fill(Your_password=PASSWORD)
    member.press("Continue")
    member.sees("We’ve sent a link to your new email.", new)
    member.open(site.link_in_email(new, "/change/"))
    member.press("Change my email")
    member.sees("Your email is changed.", new)

    owner = make_person()
    owner.open(site.link_in_email(old, "/undo/"))
    owner.press("Undo the change")
    owner.sees("You have your old email back.")
    member.open("/accounts/me/")
    member.sees_title("Log in")
    owner.open(site.link_in_email(old, "/reset/"))
    owner.fill(New_password=NEW_PASSWORD, Confirm_password=NEW_PASSWORD)
    owner.press("Change password")
    owner.log_in(old, NEW_PASSWORD)
    owner.open("/accounts/me/")
    owner.sees(old)


def test_a_member_logs_other_devices_out(member: Person, make_person: Callable[..., Person]) -> None:
    phones = [make_person(user_agent=agent) for agent in ("Firefox/140.0 Android", "Firefox/140.0 Windows", "curl/8")]
    for phone in phones:
        phone.log_in(f"{member.name}@example.com")
    member.page.reload()
    member.press("Log out Firefox on Android")
    member.sees("That device is logged out.")
    phones[0].open("/accounts/me/")
    phones[0].sees_title("Log in")
    phones[1].open("/accounts/me/")
    phones[1].sees_title("My account")
    member.press("Log out all other devices")
    member.sees("All other devices are logged out.")
    phones[1].open("/accounts/me/")
    phones[1].sees_title("Log in")
    member.page.reload()
    member.sees_title("My account")


def test_a_member_logs_out_whoever_logged_in(site: Site, member: Person, make_person: Callable[..., Person]) -> None:
    email, thief = f"{member.name}@example.com", make_person(user_agent="Firefox/140.0 Windows")
    thief.log_in(email)
    member.open(site.link_in_email(email, "/disown/"))
    member.press("This was not me")
    member.sees("Every device has been logged out")
    thief.open("/accounts/me/")
    thief.sees_title("Log in")
    thief.log_in(email)
    thief.sees("Please enter a correct email")


def test_a_member_takes_the_data_along_and_leaves(site: Site, member: Person) -> None:
    site.pass_ten_minutes()
    member.press("Download your data")
    member.fill(Your_password=PASSWORD)
    with member.page.expect_download() as download:
        member.page.get_by_role("button", name="Continue").click()
    member.follow("Cancel")
    data = json.loads(download.value.path().read_text())
    assert data["account"]["email"] == f"{member.name}@example.com"
    assert [each["event"] for each in data["events"]][-1] == "signed up"

    member.follow("Delete my account")
    member.press("Delete account")
    member.sees("Your account is deleted.")
    expect(member.page.get_by_role("banner").get_by_role("link", name="Log in")).to_be_visible()
    erased = f"users WHERE username = '{member.name}'"
    wait_until(lambda: site.count(erased) == 0, 30, "the account is erased")
    member.log_in(f"{member.name}@example.com")
    member.sees("Please enter a correct email")
