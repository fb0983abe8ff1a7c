"""Nobody makes us send many emails, or emails with a text of their own to a stranger."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_mail import Message

from flaskcelery.signup.tasks import PLAIN_NAME
from flaskcelery.web.rate_limits import EMAILS_TO_ONE_RECIPIENT
from tests.conftest import PASSWORD, Browser, link_in, run_sql, send_emails

EMAIL, USERNAME, PASSWORD_CHANGE = "/accounts/me/email/", "/accounts/me/username/", "/accounts/password_change/"
ADVERTISEMENT = "INVOICE_499_USD_PAID-CALL_+1-888-555-0100"
TO_ONE = EMAILS_TO_ONE_RECIPIENT[0]
MEMBER_FORMS = {
    "change_email": (EMAIL, {"email": "new{}@example.com", "password": PASSWORD}),
    "change_username": (USERNAME, {"username": "alice{}"}),
    "new_password": (PASSWORD_CHANGE, dict.fromkeys(["old_password", "new_password1", "new_password2"], PASSWORD)),
}


@pytest.fixture
def app(counting_app: Flask) -> Flask:
    return counting_app


def texts(message: Message) -> str:
    """Return all that a reader of the email sees."""
    return f"{message.subject} {message.body} {message.html}"


@pytest.mark.requirement(21)
@pytest.mark.requirement(37)
@pytest.mark.requirement(61)
@pytest.mark.usefixtures("many_clients")
@pytest.mark.parametrize("kind", MEMBER_FORMS)
def test_a_member_sends_each_form_five_times_an_hour(logged_in: Browser, kind: str) -> None:
    path, fields = MEMBER_FORMS[kind]
    answers = [
        logged_in.send(path, **{name: text.format(n) for name, text in fields.items()}).status_code for n in range(7)
    ]
    assert 429 not in answers[:5]
    assert answers[5:] == [429, 429]


@pytest.mark.requirement(37)
@pytest.mark.usefixtures("many_clients")
def test_another_client_or_session_does_not_buy_a_member_more_emails(app: Flask, logged_in: Browser) -> None:
    other = Browser(app.test_client())
    other.client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    other.log_in()
    for number in range(8):
        browser = (logged_in, other)[number % 2]
        browser.send(EMAIL, email=f"stranger{number}@example.com", password=PASSWORD)
    assert run_sql(app, "SELECT count(*) FROM outbox WHERE task = 'send_email_change_email'") == [(5,)]


@pytest.mark.requirement(37)
@pytest.mark.usefixtures("many_clients")
def test_a_mailbox_gets_five_emails_an_hour_of_all_senders_and_five_more_at_its_other_spellings(
    app: Flask, auth: Browser
) -> None:
    auth.sign_up("target", "target@gmail.com")
    answers = []
    for number in range(TO_ONE):
        member = Browser(app.test_client())
        member.sign_up(f"member{number}", f"member{number}@example.com")
        member.log_in(f"member{number}@example.com")
        answers.append(member.send(EMAIL, email="target@gmail.com", password=PASSWORD).status_code)
    others = ["target+1@gmail", "TARGET+2@gmail", "target@googlemail", "t.arget@gmail", "tar.get+3@googlemail"]
    others += ["target+4@gmail", "t.a.rget@gmail"]
    answers += [auth.sign_up(f"other{n}", f"{email}.com").status_code for n, email in enumerate(others)]
    assert answers == [302] * (TO_ONE - 1) + [429] + [302] * TO_ONE + [429] * 2
    assert len([mail for mail in send_emails(app) if mail.recipients[0].endswith("mail.com")]) == 2 * TO_ONE
    # The others have not used up the links: the owner can still get into the account.
    for _ in range(TO_ONE + 1):
        auth.send("/accounts/email/resend/", email="target@gmail.com")
    assert [mail.task for mail in send_emails(app)] == ["send_confirmation_email"] * TO_ONE
    for _ in range(TO_ONE + 1):
        auth.send("/accounts/password_reset/", email="target@gmail.com")
    assert [mail.task for mail in send_emails(app)] == ["send_password_reset_email"] * TO_ONE


@pytest.mark.requirement(37)
@pytest.mark.usefixtures("many_clients")
@pytest.mark.parametrize(
    ("form", "task"), [("password_reset", "send_password_reset_email"), ("email/resend", "send_confirmation_email")]
)
def test_nobody_uses_up_the_links_of_a_mailbox_with_spellings_that_have_no_account(
    app: Flask, auth: Browser, form: str, task: str
) -> None:
    auth.sign_up()
    send_emails(app)
    for number in range(TO_ONE + 1):
        auth.send(f"/accounts/{form}/", email=f"alice+{number}@example.com")
    auth.send(f"/accounts/{form}/", email="alice@example.com")
    assert [mail.recipients for mail in send_emails(app)] == [["alice@example.com"]]
    assert run_sql(app, f"SELECT count(*) FROM outbox WHERE task = '{task}'") == [(TO_ONE + 2,)]


@pytest.mark.requirement(37)
@pytest.mark.usefixtures("many_clients")
@pytest.mark.parametrize("form", ["email/resend", "password_reset"])
def test_nobody_keeps_a_new_user_from_signing_up(app: Flask, auth: Browser, form: str) -> None:
    for _ in range(TO_ONE + 1):
        auth.send(f"/accounts/{form}/", email="alice@example.com")
    assert auth.sign_up().status_code == 302


@pytest.mark.requirement(37)
@pytest.mark.usefixtures("many_clients")
@pytest.mark.parametrize(
    ("domain", "same"), [("gmail.com", "al.ice@googlemail.com"), ("proton.me", "a-l_i.ce@protonmail.ch")]
)
def test_the_names_of_a_provider_and_what_it_ignores_are_one_mailbox(auth: Browser, domain: str, same: str) -> None:
    for number in range(TO_ONE):
        auth.sign_up(f"alice{number}", f"alice+{number}@{domain}")
    assert auth.sign_up("alice", same).status_code == 429


@pytest.mark.requirement(37)
@pytest.mark.usefixtures("many_clients")
def test_an_owner_is_told_of_five_new_devices_an_hour(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    send_emails(app)
    for number in range(TO_ONE + 2):  # the first login is no news
        thief = Browser(app.test_client())
        thief.client.environ_base["HTTP_USER_AGENT"] = f"Firefox/{number}"
        thief.client.environ_base["REMOTE_ADDR"] = f"203.0.113.{number}"
        assert thief.log_in().status_code == 302
    assert [mail.task for mail in send_emails(app)] == ["send_new_device_notice"] * TO_ONE
    new = "SELECT count(*) FROM audit_events WHERE detail LIKE 'new device%'"
    assert run_sql(app, new) == [(TO_ONE + 1,)]


@pytest.mark.requirement(37)
@pytest.mark.parametrize("username", [ADVERTISEMENT, "a" * 31, "call.800-555_0100", "1234567", "a@b"])
def test_no_text_of_a_users_choice_reaches_an_email_that_is_not_confirmed(
    app: Flask, auth: Browser, username: str
) -> None:
    auth.sign_up(username, "stranger@example.com")
    auth.log_in("stranger@example.com")
    auth.send("/accounts/email/resend/", email="stranger@example.com")
    auth.send(EMAIL, email="other@example.com", password=PASSWORD)
    auth.send("/accounts/password_reset/", email="stranger@example.com")
    mails = send_emails(app)
    assert {mail.task for mail in mails} == {
        "send_welcome_email",
        "send_confirmation_email",
        "send_email_change_email",
        "send_password_reset_email",
    }
    assert not [mail.subject for mail in mails if username in texts(mail)]


@pytest.mark.parametrize("username", ["alice", "李小龍", "bob_1987", "Åsa-Ström.2", "a" * 30])
def test_a_plain_name_is_welcomed_as_in_the_reference_app(app: Flask, auth: Browser, username: str) -> None:
    assert PLAIN_NAME.fullmatch(username)
    auth.sign_up(username)
    [welcome] = send_emails(app)
    assert f" {username}!" in welcome.subject
    assert f" {username}," in welcome.body


@pytest.mark.requirement(37)
def test_an_unconfirmed_email_gets_no_notices(app: Flask, logged_in: Browser) -> None:
    send_emails(app)
    new = "brass kettle forty"
    logged_in.send(PASSWORD_CHANGE, old_password=PASSWORD, new_password1=new, new_password2=new)
    logged_in.send(EMAIL, email="new@example.com", password=new)
    logged_in.send("/accounts/me/delete/", password=new)
    assert send_emails(app) == []


@pytest.mark.requirement(61)
def test_a_taken_email_is_told_to_its_owner_alone(app: Flask, logged_in: Browser) -> None:
    logged_in.send(link_in(send_emails(app)[0]))
    Browser(app.test_client()).sign_up("bob", "bob@example.com")
    send_emails(app)
    pages = {}
    for email in ("BOB@example.com", "free@example.com"):
        answer = logged_in.send(EMAIL, email=email, password=PASSWORD)
        page = logged_in.client.get("/accounts/me/").text
        pages[email] = (answer.status_code, f"<bdi>{email}</bdi>" in page)
        told = {mail.recipients[0]: mail for mail in send_emails(app)}
        assert told["alice@example.com"].task == "send_email_change_notice"
        if email.startswith("BOB"):
            assert "alice" not in told["bob@example.com"].body
            assert link_in(told["bob@example.com"]) == "/accounts/password_reset/"
        assert len(told) == 2
    assert set(pages.values()) == {(302, True)}
    rows = run_sql(app, "SELECT task, user_id FROM outbox WHERE task LIKE 'send_email_change%' ORDER BY created_at")
    assert rows[:2] == rows[2:]
    assert run_sql(app, "SELECT email, pending_email FROM users WHERE id = 1") == [
        ("alice@example.com", "free@example.com")
    ]
