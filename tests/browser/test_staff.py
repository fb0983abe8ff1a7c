"""The way of staff through the administration."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from tests.browser.person import Person
from tests.browser.site import Site


@pytest.fixture
def boss(person: Person) -> Person:
    """Return a member of staff who has come to the dashboard by the menu."""
    person.open("/")
    person.log_in("boss@example.com")
    person.follow("Administration", person.open_menu())
    person.sees_title("Dashboard")
    return person


def go_to(boss: Person, title: str) -> None:
    """Choose a page of the administration."""
    boss.follow(title, boss.page.get_by_role("navigation", name="Administration"))
    boss.sees_title(title)


def search(boss: Person, text: str) -> None:
    """Search the list."""
    boss.main.get_by_role("searchbox").fill(text)
    boss.press("Search")


def add(boss: Person, name: str) -> None:
    """Add a user, and look at the account."""
    go_to(boss, "Users")
    boss.follow("Add a user")
    boss.press("Add a user")
    boss.sees("Enter a username.")
    boss.fill(Username=name, Email=f"{name}@example.com")
    boss.press("Add a user")
    boss.sees("was added")
    search(boss, f"{name}@example.com")
    boss.follow(f"{name}@example.com")
    boss.sees_title(f"{name}@example.com")


def confirm(boss: Person, action: str, consequence: str = "") -> None:
    """Choose an action, read what follows from it, and go through with it."""
    boss.follow(action)
    boss.sees(consequence)
    boss.press(action)


def test_staff_finds_a_user_and_locks_the_account(boss: Person) -> None:
    add(boss, "zoe")
    confirm(boss, "Lock out", "The owner cannot log in until the account is unlocked.")
    boss.sees("is locked out.", "locked out")
    expect(boss.main.get_by_role("link", name="Lock out")).to_have_count(0)
    boss.press("Unlock")
    boss.sees("can log in again.")
    boss.press("Send a password link")
    boss.sees("is on its way")
    expect(boss.main.get_by_role("region", name="History")).to_contain_text("activated")


def test_staff_gives_and_takes_roles_edits_and_deletes(site: Site, boss: Person) -> None:
    add(boss, "yan")
    confirm(boss, "Make staff")
    boss.sees("The email of this account is not confirmed")
    with site.engine.begin() as connection:
        connection.execute(text("UPDATE users SET email_confirmed_at = joined_at WHERE username = 'yan'"))
    for action in ("Make staff", "Make read-only staff", "Remove the role"):
        confirm(boss, action)
        boss.sees("The role of user")
    boss.follow("Edit")
    boss.fill(Username="yen", Email="yen@example.com")
    boss.press("Save")
    boss.sees("is saved.", "username: yan → yen")
    confirm(boss, "Delete", "This cannot be undone.")
    boss.sees("was deleted.")
    search(boss, "yen@example.com")
    boss.sees("No user matches “yen@example.com”.")
    boss.follow("Clear")
    boss.sees_not("No user matches")


@pytest.fixture
def failed_emails(site: Site) -> Iterator[None]:
    """Let the emails that have failed fail again: other tests look at them."""
    rows = [row_id for (row_id,) in site.query("SELECT id FROM outbox WHERE failed_at IS NOT NULL")]
    yield
    with site.engine.begin() as connection:
        # One attempt more: a worker that still sends one of them does not count any more.
        again = "UPDATE outbox SET failed_at = created_at, done_at = NULL, attempts = attempts + 1 WHERE id = :id"
        connection.execute(text(again), [{"id": row_id} for row_id in rows])


@pytest.mark.usefixtures("failed_emails")
def test_staff_retries_an_email_that_failed(site: Site, boss: Person) -> None:
    boss.open("/admin/emails/?state=failed")
    boss.main.get_by_role("table").get_by_role("row").nth(1).get_by_role("link").first.click()
    boss.sees("550 5.1.1")
    boss.press("Retry")
    boss.sees("The email will be retried.")
    boss.open("/admin/emails/?state=failed")
    confirm(boss, "Retry all failed emails")
    boss.sees("Emails that will be retried:")
    assert not site.count("outbox WHERE failed_at IS NOT NULL AND error LIKE '550 5.1.1%'")


def test_staff_searches_sorts_and_opens_every_list(boss: Person) -> None:
    for title in ("Users", "Emails", "Sessions", "Audit trail"):
        go_to(boss, title)
        search(boss, "alice@example.com")
        expect(boss.main.get_by_role("table")).to_contain_text("alice@example.com")
        go_to(boss, title)
        boss.main.get_by_role("columnheader").get_by_role("link").first.click()
        expect(boss.main.locator("[aria-sort]")).to_have_count(1)
        boss.main.get_by_role("table").get_by_role("row").nth(1).get_by_role("link").first.click()
        expect(boss.main.get_by_role("term").first).to_be_visible()


def test_staff_ends_the_session_that_staff_sits_in(boss: Person) -> None:
    go_to(boss, "Sessions")
    search(boss, "boss@example.com")
    boss.main.get_by_role("table").get_by_role("row").nth(1).get_by_role("link").first.click()
    boss.press("End this session")
    boss.sees_title("Log in")


def test_a_viewer_sees_everything_and_changes_nothing(person: Person) -> None:
    person.log_in("viewer@example.com")
    person.follow("Administration", person.open_menu())
    go_to(person, "Users")
    search(person, "alice@example.com")
    person.follow("alice@example.com")
    person.sees_title("alice@example.com")
    expect(person.main.get_by_role("button")).to_have_count(0)
    expect(person.main.get_by_role("link", name="Edit")).to_have_count(0)
