"""The way of a visitor: sign up, read the email, confirm, log in, forget the password."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import Person
from tests.browser.site import Site
from tests.integration.visitor import PASSWORD

NEW_PASSWORD = "another horse battery"


def test_somebody_signs_up_reads_the_email_confirms_and_logs_out(site: Site, person: Person) -> None:
    person.open("/accounts/signup/")
    person.fill(Username="al ice", Email="x", Password="short", Confirm_password="other")
    person.press("Sign up")
    person.sees("Enter a valid email address.")
    expect(person.page).to_have_title("Error: Sign up | flaskcelery")
    expect(person.main.get_by_label("Username", exact=True)).to_have_value("al ice")

    person.sign_up("amy")
    link = site.link_in_email("amy@example.com", "/confirm/")
    person.log_in("amy@example.com", "not the password")
    person.sees("Please enter a correct email")
    person.fill(Password=PASSWORD)
    person.press("Log in")
    expect(person.page.get_by_role("complementary", name="Your email")).to_be_visible()

    person.open(link)
    person.press("Yes, confirm it")
    person.sees("Thank you, your email is confirmed.")
    expect(person.page.get_by_role("complementary", name="Your email")).to_have_count(0)
    person.log_out()
    person.page.go_back()
    person.page.reload()
    expect(person.page.get_by_text("amy")).to_have_count(0)


@pytest.mark.requirement(92)
def test_nobody_finds_the_field_that_only_bots_fill_in(person: Person) -> None:
    person.open("/accounts/signup/")
    trap = person.main.get_by_text("Leave this field empty")
    expect(trap).to_have_count(1)
    expect(trap).to_be_hidden()
    assert "Username" in person.main.aria_snapshot()
    assert "Leave this field empty" not in person.main.aria_snapshot()


def test_an_email_is_confirmed_on_another_device_with_the_password(
    site: Site, make_person: Callable[..., Person]
) -> None:
    make_person().sign_up("ann")
    phone = make_person()
    phone.open(site.link_in_email("ann@example.com", "/confirm/"))
    phone.fill(Your_password=PASSWORD)
    phone.press("Yes, confirm it")
    phone.open("/accounts/login/")
    phone.log_in("ann@example.com")
    expect(phone.page.get_by_role("complementary")).to_have_count(0)


def test_the_login_page_knows_who_has_just_signed_up(person: Person) -> None:
    person.sign_up("ned")
    person.sees("Check your email: we sent a link to ned@example.com.")
    expect(person.main.get_by_label("Email", exact=True)).to_have_value("ned@example.com")
    expect(person.main.get_by_label("Password", exact=True)).to_be_focused()


def test_somebody_rejects_an_account_that_a_stranger_opened(site: Site, make_person: Callable[..., Person]) -> None:
    make_person().sign_up("eve")
    owner = make_person()
    owner.open(site.link_in_email("eve@example.com", "/reject/"))
    owner.press("Delete this account")
    owner.sees("The account is deleted.")


def test_somebody_forgets_the_password(site: Site, person: Person) -> None:
    person.sign_up("ian")
    person.open("/accounts/login/")
    person.follow("Forgotten your password?")
    person.fill(Email="ian@example.com")
    person.press("Send the link")
    person.sees_title("Check your email")
    link = site.link_in_email("ian@example.com", "/reset/")
    person.open(link)
    person.fill(New_password="1234", Confirm_password="1234")
    person.press("Change password")
    person.sees("too short")
    person.fill(New_password=NEW_PASSWORD, Confirm_password=NEW_PASSWORD)
    person.press("Change password")
    person.sees_title("Password reset complete")
    person.follow("Log in")
    person.fill(Email="ian@example.com", Password=PASSWORD)
    person.press("Log in")
    person.sees("Please enter a correct email")
    person.log_in("ian@example.com", NEW_PASSWORD)
    person.log_out()
    person.open(link)
    person.sees_title("This link no longer works")


def test_somebody_who_asks_for_a_page_comes_to_it_after_the_login(person: Person) -> None:
    person.open("/accounts/me/")
    person.sees("Please log in to continue.")
    person.fill(Email="quiet@example.com", Password=PASSWORD)
    person.press("Log in")
    person.sees_title("My account")
