"""An account that somebody opened with another's email: its recipient neither gets it nor has to live with it."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.audit.events import Event
from flaskcelery.database import db, transaction
from flaskcelery.retention import purge_some
from flaskcelery.users import deletion
from flaskcelery.users.passwords import Hasher
from tests.conftest import PASSWORD, Browser, MakeApp, events, link_in, run_sql, send_emails
from tests.functional.conftest import Member
from tests.functional.two_factor import set_up
from tests.pages import DEAD

AGO = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{}')"
MINE = "staple seventeen lamps"  # the password of the recipient


def purge(app: Flask) -> None:
    """Do what the relay does about old rows, until nothing is left to do."""
    with app.app_context():
        while purge_some():
            pass
        db.session.remove()


@pytest.mark.requirement(65)
def test_a_recipient_who_did_not_sign_up_confirms_nothing(app: Flask, logged_in: Browser) -> None:
    """Chain D: a stranger's yes must not confirm the attacker's account."""
    link = link_in(send_emails(app)[0])
    member = Member(app, "victor")
    for recipient in (Browser(app.test_client()), member):
        assert 'name="password"' in recipient.client.get(link).text
        for fields in ({}, {"password": "my own password"}):
            assert recipient.send(link, **fields).status_code == 200
    assert run_sql(app, "SELECT email_confirmed_at FROM users WHERE id = 1") == [(None,)]
    assert 'name="password"' not in logged_in.client.get(link).text
    assert logged_in.send(link).status_code == 302


@pytest.mark.requirement(65)
def test_passwords_guessed_on_the_page_of_a_link_are_limited(make_app: MakeApp) -> None:
    app = make_app(RATELIMIT_ENABLED="1")
    Browser(app.test_client()).sign_up()
    link, visitor = link_in(send_emails(app)[0]), Browser(app.test_client())
    answers = [visitor.send(link, password=f"guess {number}").status_code for number in range(11)]
    assert answers == [200] * 10 + [429]


@pytest.mark.requirement(65)
def test_a_recipient_who_did_not_sign_up_deletes_the_account(app: Flask, logged_in: Browser) -> None:
    messages = send_emails(app)
    logged_in.send("/accounts/email/resend/", email="alice@example.com")
    messages += send_emails(app)
    assert len(messages) == 2
    assert all(link_in(message, "reject") in message.html for message in messages)
    recipient = Browser(app.test_client())
    link = link_in(messages[1], "reject")
    recipient.client.get(link)
    assert logged_in.is_logged_in()  # an email scanner has deleted nothing
    answer = recipient.send(link)
    assert (answer.status_code, answer.location) == (302, "/")
    assert not logged_in.is_logged_in()
    assert run_sql(app, "SELECT count(*) FROM login_sessions") == [(0,)]
    purge(app)
    assert run_sql(app, "SELECT count(*) FROM users") == [(0,)]
    assert events(app)[-2:] == ["sign-up rejected by the email’s owner", "account erased"]


@pytest.mark.requirement(65)
@pytest.mark.parametrize("is_set_up_meanwhile", [False, True])
def test_an_app_of_a_stranger_does_not_keep_the_recipient_out(
    app: Flask, logged_in: Browser, monkeypatch: pytest.MonkeyPatch, is_set_up_meanwhile: bool
) -> None:
    def hash_slowly(self: Hasher, password: str) -> str:
        run_sql(app, f"UPDATE users SET totp_secret = '{secret}'")
        return original(self, password)

    recipient, original = Browser(app.test_client()), Hasher.hash
    set_up(logged_in)
    [(secret,)] = run_sql(app, "SELECT totp_secret FROM users")
    recipient.send("/accounts/password_reset/", email="alice@example.com")
    form = recipient.client.get(link_in(send_emails(app)[-1])).location
    if is_set_up_meanwhile:
        run_sql(app, "UPDATE users SET totp_secret = NULL")
        monkeypatch.setattr(Hasher, "hash", hash_slowly)
    assert recipient.send(form, new_password1=MINE, new_password2=MINE).status_code == 302
    assert not logged_in.is_logged_in()
    assert recipient.log_in(password=MINE).location == "/"
    assert recipient.is_logged_in()
    assert run_sql(app, "SELECT count(*) FROM recovery_codes") == [(0,)]
    assert Event.TOTP_UNPROVEN in events(app)
    send_emails(app)
    notices = "SELECT sent_nothing FROM outbox WHERE task = 'send_two_factor_notice' ORDER BY created_at DESC"
    assert run_sql(app, notices)[0] == (0,)


@pytest.mark.requirement(65)
@pytest.mark.parametrize("state", ["email_confirmed_at = joined_at", "email_changed_at = joined_at"])
def test_an_account_that_was_ever_confirmed_or_moved_cannot_be_rejected(
    app: Flask, logged_in: Browser, state: str
) -> None:
    link = link_in(send_emails(app)[0], "reject")
    run_sql(app, f"UPDATE users SET {state}")
    assert DEAD in logged_in.client.get(link).text
    assert DEAD in logged_in.send("/accounts/email/resend/", email="x@example.com").text or logged_in.is_logged_in()
    assert DEAD in logged_in.client.post(link, data={"csrf_token": Member.token(logged_in)}).text  # type: ignore[arg-type]
    run_sql(app, "UPDATE users SET email_confirmed_at = NULL, email_changed_at = joined_at")
    logged_in.send("/accounts/email/resend/", email="alice@example.com")
    assert "/reject/" not in send_emails(app)[0].body


@pytest.mark.requirement(65)
def test_the_last_member_of_staff_cannot_be_rejected(app: Flask, logged_in: Browser) -> None:
    run_sql(app, "UPDATE users SET is_staff = 1")
    assert "last active member of staff" in Browser(app.test_client()).send(link_in(send_emails(app)[0], "reject")).text
    assert logged_in.is_logged_in()


@pytest.mark.requirement(65)
@pytest.mark.parametrize(
    ("state", "is_left"),
    [
        ("username = username", False),
        ("email_confirmed_at = joined_at", True),
        ("confirm_by = NULL", True),  # imported, or opened by staff
        ("is_staff = 1", True),
        ("is_viewer = 1", True),
        ("is_active = 0", True),
        (f"confirm_by = {AGO.format('-1 hour')}", True),
    ],
)
def test_unconfirmed_accounts_expire(app: Flask, logged_in: Browser, state: str, is_left: bool) -> None:
    send_emails(app)
    [(days,)] = run_sql(app, "SELECT julianday(confirm_by) - julianday(joined_at) FROM users")
    assert round(days, 3) == 30
    run_sql(app, f"UPDATE users SET confirm_by = {AGO.format('1 second')}")
    run_sql(app, f"UPDATE users SET {state}")
    purge(app)
    assert run_sql(app, "SELECT count(*) FROM users") == [(int(is_left),)]
    assert run_sql(app, "SELECT count(*) FROM login_sessions") == [(int(is_left),)]
    assert events(app)[2:] == ([] if is_left else ["unconfirmed account expired", "account erased"])


@pytest.mark.requirement(65)
def test_an_expired_account_with_a_pending_email_is_closed_and_erased_later(app: Flask, logged_in: Browser) -> None:
    run_sql(app, f"UPDATE users SET confirm_by = {AGO.format('1 second')}")
    purge(app)
    assert run_sql(app, "SELECT is_active, closed_at IS NULL FROM users") == [(0, 0)]
    assert run_sql(app, "SELECT count(*) FROM login_sessions") == [(0,)]
    assert send_emails(app) == []
    purge(app)
    assert run_sql(app, "SELECT count(*) FROM users") == [(0,)]


@pytest.mark.requirement(65)
def test_an_email_that_staff_changed_does_not_expire_the_account(app: Flask, staff: Member) -> None:
    alice = Member(app, "alice")
    run_sql(app, f"UPDATE users SET email_confirmed_at = joined_at, confirm_by = joined_at WHERE id = {alice.id}")
    staff.act(f"/admin/users/{alice.id}/", "edit", username="alice", email="new@example.com")
    purge(app)
    alices = run_sql(app, "SELECT email, is_active FROM users WHERE username = 'alice'")
    assert alices == [("new@example.com", 1)]


@pytest.mark.requirement(65)
def test_an_account_whose_deadline_is_lifted_in_the_meantime_stays(
    app: Flask, auth: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth.sign_up()
    [(alice,)] = run_sql(app, "SELECT id FROM users")
    monkeypatch.setattr(deletion, "find_batch", lambda *_: [alice])  # it was found just before
    run_sql(app, "UPDATE users SET confirm_by = NULL")
    with app.app_context(), transaction():
        assert deletion.expire_unconfirmed() == []


@pytest.mark.requirement(65)
def test_with_the_setting_zero_accounts_do_not_expire(make_app: MakeApp) -> None:
    app = make_app(UNCONFIRMED_KEEP_DAYS="0")
    Browser(app.test_client()).sign_up()
    assert run_sql(app, "SELECT confirm_by FROM users") == [(None,)]


@pytest.mark.requirement(65)
def test_the_account_page_says_when_an_unconfirmed_account_is_deleted(app: Flask, logged_in: Browser) -> None:
    run_sql(app, "UPDATE users SET confirm_by = '2031-02-03 04:05:06.000000'")
    assert "3 February 2031" in logged_in.client.get("/accounts/me/").text.partition('id="profile"')[2]
    logged_in.send(link_in(send_emails(app)[0]), password=PASSWORD)
    assert "3 February 2031" not in logged_in.client.get("/accounts/me/").text
