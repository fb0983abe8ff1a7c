"""Two-factor authentication in my account: set up, recovery codes, and off again."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask

from flaskcelery.audit.events import Event
from tests.authenticator import Authenticator, recovery_codes_in
from tests.conftest import PASSWORD, Browser, events, run_sql, send_emails
from tests.functional.conftest import pass_ten_minutes
from tests.functional.two_factor import CODES, OFF, RECOVERY, SET_UP, Person, forget_step, send_code, set_up
from tests.pages import csrf_token, errors_of

ME = "/accounts/me/"


@pytest.fixture
def alice(app: Flask) -> Person:
    """Return somebody with an authenticator app, logged in."""
    person = Person(app).log_in_with_code()
    forget_step(app)
    send_emails(app)
    return person


def test_an_app_is_set_up_with_its_code_and_the_password(app: Flask, logged_in: Browser) -> None:
    page = logged_in.client.get(SET_UP).text
    authenticator = Authenticator(page)
    answer = send_code(logged_in, SET_UP, page, authenticator.wrong_code())
    assert errors_of(answer.text, "code")
    assert Authenticator(answer.text).code() == authenticator.code()  # the app has it by now
    pass_ten_minutes(app)
    answer = send_code(logged_in, SET_UP, page, authenticator.code(), password="wrong password")
    assert errors_of(answer.text, "password")
    assert run_sql(app, "SELECT totp_secret FROM users") == [(None,)]
    answer = send_code(logged_in, SET_UP, page, authenticator.code())
    assert len(recovery_codes_in(answer.text)) == 10
    assert logged_in.is_logged_in()
    assert re.search(r"<small>10 [^<]+</small>", logged_in.client.get(ME).text)
    assert events(app)[-3:] == [Event.WRONG_PASSWORD, Event.CONFIRMED, Event.TOTP_ENABLED]


def test_each_visit_of_the_page_shows_another_secret(logged_in: Browser) -> None:
    first, second = (Authenticator(logged_in.client.get(SET_UP).text).totp.secret for _ in range(2))
    assert first != second
    with logged_in.client.session_transaction() as cookie:
        assert second not in str(dict(cookie))


def test_the_qr_code_is_a_picture_without_styles_or_scripts(logged_in: Browser) -> None:
    page = logged_in.client.get(SET_UP).text
    svg = re.search(r'role="img" aria-label="[^"]+">(<svg .*?</svg>)', page)[1]
    assert '<path fill="#fff" d="M0 0h' in svg  # behind the black squares, in dark mode too
    assert len(re.findall(r"h\d+", svg.partition('stroke="#000"')[2])) > 200
    assert not re.search(r"style|script|href", svg)


@pytest.mark.requirement(72)
def test_the_qr_code_of_the_longest_email_is_hardly_larger(app: Flask, logged_in: Browser) -> None:
    run_sql(app, f"UPDATE users SET email = '{'a' * 64}@{'b' * 60}.{'b' * 60}.{'b' * 60}.com'")
    page = logged_in.client.get(SET_UP).text
    assert int(re.search(r'<svg width="(\d+)"', page)[1]) <= 57 * 4  # pixels of each module


def test_the_secret_of_an_app_that_is_set_up_is_never_shown_again(logged_in: Browser) -> None:
    authenticator, _ = set_up(logged_in)
    page = logged_in.client.get(f"{ME}username/").text
    shown = Authenticator(send_code(logged_in, SET_UP, page, "").text)
    assert shown.totp.secret != authenticator.totp.secret


@pytest.mark.requirement(77)
def test_setting_an_app_up_ends_the_sessions_that_began_without_one(app: Flask, logged_in: Browser) -> None:
    phone, copy = Browser(app.test_client()), Browser(app.test_client())
    phone.log_in(remember="y")
    with logged_in.client.session_transaction() as mine, copy.client.session_transaction() as copied:
        copied.update(mine)
    assert copy.is_logged_in()
    set_up(logged_in)
    assert [browser.is_logged_in() for browser in (logged_in, phone, copy)] == [True, False, False]


def test_a_second_app_does_not_replace_the_first(app: Flask, alice: Person) -> None:
    before = run_sql(app, "SELECT totp_secret FROM users")
    page = alice.client.get(SET_UP).text
    assert "has changed in the meantime" in send_code(alice, SET_UP, page, Authenticator(page).code()).text
    assert run_sql(app, "SELECT totp_secret FROM users") == before


@pytest.mark.requirement(79)
def test_new_recovery_codes_replace_the_old_ones(app: Flask, alice: Person) -> None:
    pass_ten_minutes(app)
    assert errors_of(alice.send(CODES, password="wrong password").text, "password")
    codes = recovery_codes_in(alice.send(CODES, password=PASSWORD).text)
    assert len(set(codes) - set(alice.codes)) == 10
    assert [email.args["event"] for email in send_emails(app)] == [Event.RECOVERY_CODES_RENEWED]
    assert events(app)[-1] == Event.RECOVERY_CODES_RENEWED
    alice.log_out()
    alice.begin()
    assert errors_of(alice.send(RECOVERY, code=alice.codes[0]).text, "code")
    assert alice.send(RECOVERY, code=codes[0]).status_code == 302


@pytest.mark.requirement(79)
def test_it_is_turned_off_with_the_password_and_the_owner_is_told(app: Flask, alice: Person) -> None:
    pass_ten_minutes(app)
    assert errors_of(alice.send(OFF, password="wrong password").text, "password")
    assert alice.send(OFF, password=PASSWORD).location == ME
    [email] = send_emails(app)
    assert email.args["event"] == Event.TOTP_DISABLED
    assert run_sql(app, "SELECT totp_secret, totp_enabled_at FROM users") == [(None, None)]
    assert run_sql(app, "SELECT * FROM recovery_codes") == []
    assert events(app)[-3:] == [Event.WRONG_PASSWORD, Event.CONFIRMED, Event.TOTP_DISABLED]
    assert "is off" in alice.send(OFF, password=PASSWORD).text
    assert "is off" in alice.send(CODES, password=PASSWORD).text
    alice.log_out()
    alice.log_in()
    assert alice.is_logged_in()


@pytest.mark.requirement(79)
def test_the_owner_is_told_when_it_is_turned_on(app: Flask) -> None:
    Person(app)
    assert Event.TOTP_ENABLED in [email.args.get("event") for email in send_emails(app)]


def test_the_export_tells_since_when_and_no_secret(app: Flask, alice: Person) -> None:
    token = csrf_token(alice.client.get(ME).text)
    answer = alice.client.post(f"{ME}export/", data={"csrf_token": token})
    assert json.loads(answer.text)["account"]["totp_enabled_at"]
    for (secret,) in run_sql(app, "SELECT totp_secret FROM users UNION SELECT code_hash FROM recovery_codes"):
        assert secret not in answer.text


def test_a_deleted_account_leaves_no_recovery_codes(app: Flask, alice: Person) -> None:
    assert alice.send(f"{ME}delete/", password=PASSWORD).status_code == 302
    run_sql(app, "DELETE FROM users")
    assert run_sql(app, "SELECT * FROM recovery_codes") == []
