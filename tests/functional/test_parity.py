"""The words of pages and emails, many of them those of the reference Django app. No other test of `make test-fast`
knows a sentence of a template: delete this file when you write your own.
"""

from __future__ import annotations

import os
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flaskcelery.dev.views import find_previews
from tests.conftest import Browser, send_emails
from tests.functional.conftest import Member, pass_ten_minutes
from tests.pages import csrf_token

PAGES = {
    "/": ("An account that stays yours", "Create an account", "Log in"),
    "/accounts/signup/": ("Already have an account?", "Username", "Email", "Password", "Confirm password", "Sign up"),
    "/accounts/login/": ("No account yet?", "Forgotten your password?"),
    "/accounts/login/?next=/accounts/me/": ("Please log in to continue.",),
    "/accounts/password_reset/": ("Reset your password",),
    "/accounts/password_reset/done/": (
        "Check your email",
        "If that email has an account, we sent it a link to choose a new password.",
    ),
    "/accounts/reset/done/": ("Your password has been set. You may go ahead and log in now.",),
    "/accounts/reset/1/x/": ("This link no longer works", "It has been used already, or it has expired."),
    "/accounts/email/confirm/1/x/": ("This link no longer works",),
    "/accounts/email/resend/done/": ("Check your email", "Try again"),
    "/nowhere/": ("Page not found", "Go to the home page"),
}
MEMBERS_PAGES = {
    "/": ("Hello alice!", "Thanks for logging in.", "Log out", "Please confirm your email: open the link"),
    "/accounts/me/": (
        *("You’re logged in on this device only.", "active now, logged in on", "Never changed"),
        *("the account is deleted on", "This cannot be undone.", "Profile", "Delete account"),
    ),
    "/accounts/me/delete/": ("This cannot be undone.", "Cancel"),
}
STAFFS_PAGES = {
    "/": ("Administration",),
    "/admin/": ("Dashboard, Administration | flaskcelery",),
    "/admin/users/?q=zzz": ("No user matches “zzz”. Clear",),
    "/admin/sessions/?still_logged_in=no": ("No session matches. Clear",),
    "/admin/users/1/": ("Show empty fields", "History"),
}
SUBJECTS = {
    "send_welcome_email": ["Welcome alice!"] * 2,
    "send_confirmation_email": ["Please confirm your email at flaskcelery"],
    "send_email_change_email": ["Please confirm your new email at flaskcelery", "You have an account at flaskcelery"],
    "send_email_taken_email": ["You have an account at flaskcelery"],
    "send_email_change_notice": ["A new email for your account at flaskcelery"],
    "send_email_changed_notice": ["Your email at flaskcelery was changed"] * 2,
    "send_password_reset_email": ["Password reset on flaskcelery"] * 2,
    "send_invitation_email": ["Your account at flaskcelery"],
    "send_password_changed_email": ["Your password at flaskcelery was changed"],
    "send_goodbye_email": ["Your account at flaskcelery is deleted"],
    "send_new_email_notice": ["This is now your email at flaskcelery"],
    "send_left_email_notice": [
        "Your email at flaskcelery was changed",
        "The change of your email at flaskcelery was undone",
    ],
    "send_new_device_notice": ["New login to your account at flaskcelery"],
    "send_undone_notice": ["You have your old email back at flaskcelery"],
    "send_two_factor_notice": [
        "Two-factor authentication is on at flaskcelery",
        "Two-factor authentication is off at flaskcelery",
        "Two-factor authentication was reset at flaskcelery",
        "Two-factor authentication was removed at flaskcelery",
        "You have new recovery codes at flaskcelery",
        "A recovery code was used at flaskcelery",
    ],
}


def read(client: FlaskClient, path: str) -> str:
    """Return the words of a page."""
    text = re.sub(r"<(?!/?bdi)[^>]*>", " ", client.get(path).text)
    return " ".join(re.sub("<[^>]*>", "", text).split()).replace(" .", ".")


def missing(client: FlaskClient, pages: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return each sentence that its page lacks."""
    return [(path, each) for path, sentences in pages.items() for each in sentences if each not in read(client, path)]


def test_the_pages_for_everybody(client: FlaskClient) -> None:
    assert missing(client, PAGES) == []
    assert "log in in" not in read(client, "/accounts/login/")


def test_the_pages_for_members(logged_in: Browser) -> None:
    assert missing(logged_in.client, MEMBERS_PAGES) == []
    assert "log in in" not in read(logged_in.client, "/")


def test_the_pages_for_staff(staff: Member) -> None:
    assert missing(staff.client, STAFFS_PAGES) == []


def test_the_login_page_after_a_sign_up_and_the_title_after_an_error(auth: Browser) -> None:
    auth.sign_up()
    assert "Check your email: we sent a link to alice@example.com" in read(auth.client, "/accounts/login/")
    assert "<title>Error: Log in | flaskcelery</title>" in auth.log_in(password="wrong").text


def test_the_page_that_asks_for_the_password_again(app: Flask, logged_in: Browser) -> None:
    token = csrf_token(logged_in.client.get("/").text)
    pass_ten_minutes(app)
    page = logged_in.client.post("/accounts/me/export/", data={"csrf_token": token}).text
    assert ">Confirm that it’s you</h1>" in page


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [("invite", "New accounts are by invitation."), ("closed", "Sign-up is closed at the moment.")],
)
def test_why_nobody_can_sign_up(app: Flask, client: FlaskClient, mode: str, sentence: str) -> None:
    app.config["SIGN_UP"] = mode
    for path in ("/", "/accounts/login/", "/accounts/signup/"):
        assert sentence in read(client, path)
    assert "Sign up" not in read(client, "/")


def test_the_welcome_email(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    [welcome] = send_emails(app)
    assert welcome.subject == "Welcome alice!"
    assert welcome.body.startswith("Hi alice,\n\nThank you for signing up for our site!")
    assert f"\nThis email was sent by a celery worker with process ID {os.getpid()}." in welcome.body
    assert "If you did not sign up" in welcome.body
    assert "works for 7 days" in welcome.body


def test_the_subject_and_the_reason_of_every_email(app: Flask) -> None:
    subjects: dict[str, list[str]] = {}
    with app.test_request_context():
        for preview in find_previews():
            subjects.setdefault(preview.task.name, []).append(preview.message.subject)
            assert "\nYou get this email because " in preview.message.body
    assert subjects.items() >= SUBJECTS.items()


def test_the_email_about_a_new_device_names_it_and_has_a_button(app: Flask) -> None:
    with app.test_request_context():
        [notice] = [each.message for each in find_previews() if each.task.name == "send_new_device_notice"]
    assert re.search(r"we have\s+not\s+seen\s+before:", notice.body)
    assert ">This was not me</a>" in notice.html


def test_the_email_with_a_link_to_a_new_password(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    send_emails(app)
    auth.send("/accounts/password_reset/", email="alice@example.com")
    [reset] = send_emails(app)
    assert reset.body.splitlines()[2:9:2] == [
        "Somebody asked for a new password for alice@example.com at flaskcelery.",
        "Choose a new password (the link works for one hour):",
        next(line for line in reset.body.splitlines() if line.startswith("http")),
        "Not you? Ignore this email; nothing changes.",
    ]


def test_the_email_after_an_undo_says_that_the_old_password_is_dead(app: Flask) -> None:
    with app.test_request_context():
        resets = [each.message.body for each in find_previews() if each.task.name == "send_password_reset_email"]
    assert ["no longer works" in " ".join(body.split()) for body in resets] == [False, True]
    assert ["nothing changes" in body for body in resets] == [True, False]


def test_the_email_about_a_change_that_a_lost_mailbox_cannot_undo(app: Flask) -> None:
    with app.test_request_context():
        notices = [each.message.body for each in find_previews() if each.task.name == "send_email_changed_notice"]
    needs = "You need the password that the account had before."
    assert [needs in " ".join(body.split()) for body in notices] == [False, True]
