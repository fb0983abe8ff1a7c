"""With SIGN_UP_REVEALS_EMAIL=0, nobody but its owner learns that an email has an account."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.database import transaction
from flaskcelery.retention import purge_some
from flaskcelery.signup import operations
from tests.conftest import PASSWORD, Browser, MakeApp, events, run_sql, send_emails
from tests.pages import errors_of

MINE = "staple seventeen"  # the password of whoever asks
TAKEN, FREE = "alice@example.com", "nobody@example.com"
QUIET = {"SIGN_UP_REVEALS_EMAIL": "0", "EMAIL_CONFIRMATION_REQUIRED": "1"}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """Return a quiet site, at which alice has an account."""
    app = make_app(**QUIET)
    Browser(app.test_client()).sign_up()
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    send_emails(app)
    return app


def see_sign_up(app: Flask, email: str, username: str = "mallory") -> list[str]:
    """Return all that somebody sees of a sign-up and of what they can do next."""
    browser = Browser(app.test_client())
    answer = browser.sign_up(username, email, MINE)
    pages = [answer.text, browser.client.get("/accounts/login/").text, browser.log_in(email, MINE).text]
    pages.append(browser.sign_up(username, f"other-{email}").text)  # is the username still free?
    pages += [browser.send(f"/accounts/{form}/", email=email).text for form in ("email/resend", "password_reset")]
    tokens = {line for page in pages for line in page.splitlines() if 'name="csrf_token"' in line or '"opened"' in line}
    texts = ["\n".join(line for line in page.splitlines() if line not in tokens) for page in pages]
    return [str(answer.status_code), *[text.replace(email, "EMAIL") for text in texts]]


@pytest.mark.requirement(9)
def test_a_sign_up_and_all_that_follows_look_the_same_for_a_taken_email(app: Flask) -> None:
    taken = see_sign_up(app, TAKEN, "mallory1")
    assert [page.replace("mallory2", "mallory1") for page in see_sign_up(app, FREE, "mallory2")] == taken
    assert taken[0] == "302"
    assert "<strong>EMAIL</strong>" in taken[2]
    assert "Account successfully created!" not in taken[2]  # to the owner, that would be a lie
    assert "Please enter a correct email and password." in taken[3]
    assert errors_of(taken[4], "username") == ["A user with that username already exists."]
    assert len(run_sql(app, "SELECT 1 FROM users WHERE username = 'mallory1' AND email_key NOT LIKE '%@%'")) == 1


@pytest.mark.requirement(9)
@pytest.mark.parametrize("username", ["alice", "ALICE", "alicе", "no spaces please"])
def test_a_taken_username_looks_the_same_whoever_has_the_email(app: Flask, username: str) -> None:
    pages = [Browser(app.test_client()).sign_up(username, email).text for email in (TAKEN, FREE)]
    assert errors_of(pages[0], "username") == errors_of(pages[1], "username") != []
    assert errors_of(pages[0], "email") == errors_of(pages[1], "email") == []


@pytest.mark.requirement(9)
def test_the_owner_is_told_by_email_and_nobody_else_is(app: Flask) -> None:
    Browser(app.test_client()).sign_up("mallory", "ALICE@example.com")
    [message] = send_emails(app)
    assert (message.recipients, message.task) == ([TAKEN], "send_email_taken_email")
    assert "http://127.0.0.1:8000/accounts/password_reset/" in message.body
    assert "mallory" not in message.body
    assert events(app)[-1] == "signed up again with the same email"


@pytest.mark.requirement(9)
def test_the_owner_is_told_five_times_an_hour_as_a_new_user_would_be(make_app: MakeApp, app: Flask) -> None:
    limited = make_app(**QUIET, RATELIMIT_ENABLED="1")
    for email in (TAKEN, FREE):
        answers = [Browser(limited.test_client()).sign_up(f"x{n}{email[0]}", email).status_code for n in range(6)]
        assert answers == [302] * 5 + [429]


@pytest.mark.requirement(9)
def test_an_email_that_is_taken_in_the_same_moment_is_not_told_either(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    rivals = [f"UPDATE users SET email = '{FREE}', email_key = '{FREE}'"]

    def let_a_rival_in() -> object:
        if rivals:
            run_sql(app, rivals.pop())
        return transaction()

    monkeypatch.setattr(operations, "transaction", let_a_rival_in)
    assert Browser(app.test_client()).sign_up("mallory", FREE).status_code == 302
    assert rivals == []
    assert [message.task for message in send_emails(app)] == ["send_email_taken_email"]


@pytest.mark.requirement(9)
def test_the_cookie_of_a_sign_up_tells_later_only_what_was_typed(app: Flask) -> None:
    browsers = {email: Browser(app.test_client()) for email in (TAKEN, FREE)}
    for number, (email, browser) in enumerate(browsers.items()):
        browser.sign_up(f"mallory{number}", email, MINE)
    run_sql(app, f"DELETE FROM users WHERE email = '{FREE}'")  # its owner has deleted the account
    run_sql(app, "UPDATE users SET email = 'new@example.com'")
    for email, browser in browsers.items():
        page = browser.client.get("/accounts/login/").text
        assert (f"<strong>{email}</strong>" in page, "new@example.com" in page) == (True, False)


def test_nobody_logs_in_to_what_keeps_the_username_and_it_expires(app: Flask) -> None:
    browser = Browser(app.test_client())
    browser.sign_up("mallory", TAKEN, MINE)
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    browser.log_in(TAKEN, MINE)
    assert not browser.is_logged_in()
    browser.log_in(TAKEN, PASSWORD)
    assert browser.is_logged_in()
    run_sql(app, "UPDATE users SET email_confirmed_at = NULL, confirm_by = joined_at WHERE username = 'mallory'")
    with app.app_context():
        while purge_some():
            pass
    assert run_sql(app, "SELECT username FROM users") == [("alice",)]


@pytest.mark.requirement(9)
@pytest.mark.parametrize(("setting", "days"), [(0, 30), (7, 7)])
def test_what_keeps_the_username_expires_on_the_same_day_as_an_unconfirmed_account(
    app: Flask, setting: int, days: int
) -> None:
    app.config["UNCONFIRMED_KEEP_DAYS"] = setting
    for username, email in (("mallory", TAKEN), ("bob", "bob@example.com")):
        Browser(app.test_client()).sign_up(username, email, MINE)
    age = "SELECT round(julianday(confirm_by) - julianday(joined_at)) FROM users WHERE id > 1"
    assert run_sql(app, age) == [(days,), (days,)]


def test_who_has_not_confirmed_finds_a_new_link_on_the_login_page(app: Flask) -> None:
    page = Browser(app.test_client()).log_in(FREE).text
    assert '<a href="/accounts/email/resend/">' in page
