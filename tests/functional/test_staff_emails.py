"""What staff do sends emails, and a thief can copy the cookie of a member of staff."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.database import transaction
from flaskcelery.outbox.tasks import TASKS
from flaskcelery.users.tokens import timestamp
from flaskcelery.web import rate_limits
from flaskcelery.web.rate_limits import EMAILS_TO_ONE_RECIPIENT, LIMITS, Limit
from tests.conftest import Browser, run_sql, send_emails
from tests.functional.conftest import Member

TO_ONE = EMAILS_TO_ONE_RECIPIENT[0]


@pytest.fixture
def app(counting_app: Flask) -> Flask:
    return counting_app


@pytest.fixture
def staff_at_work(app: Flask) -> Member:
    """Return a member of staff, and a user, 2, who has received the emails of an hour that visitors can request."""
    sue = Member(app, "sue", "staff")
    Browser(app.test_client()).sign_up()
    for _ in range(TO_ONE + 1):
        Browser(app.test_client()).send("/accounts/password_reset/", email="alice@example.com")
        Browser(app.test_client()).send("/accounts/email/resend/", email="alice@example.com")
    run_sql(app, "DELETE FROM outbox")
    return sue


def enqueued(app: Flask) -> int:
    return int(run_sql(app, "SELECT count(*) FROM outbox")[0][0])


@pytest.mark.requirement(71)
def test_a_copied_cookie_of_staff_sends_one_recipient_five_emails_an_hour(app: Flask, staff_at_work: Member) -> None:
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    users, new = "/admin/users/", "alice+1@example.com"
    acts = [lambda: staff_at_work.act(f"{users}2/", "send-reset") for _ in range(TO_ONE - 1)]
    acts += [lambda: staff_at_work.act(f"{users}2/", "edit", username="alice", email=new) for _ in range(3)]
    acts += [lambda: staff_at_work.act(users, "add", username="twin", email="alice+2@example.com")]
    assert [act().status_code for act in acts] == [200] * (TO_ONE - 1) + [429] * 4
    assert enqueued(app) == TO_ONE - 1
    assert staff_at_work.act(f"{users}2/", "edit", username="alison", email="alice@example.com").status_code == 200


@pytest.mark.requirement(71)
def test_a_copied_cookie_of_staff_moves_one_account_five_times_an_hour(app: Flask, staff_at_work: Member) -> None:
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    edits = [
        staff_at_work.act("/admin/users/2/", "edit", username="alice", email=f"alice@{number}.example.net").status_code
        for number in range(TO_ONE + 1)
    ]
    assert edits == [200] * TO_ONE + [429]
    tasks = [message.task for message in send_emails(app) if message.recipients != ["alice@example.com"]]
    assert tasks == ["send_confirmation_email"]


@pytest.mark.requirement(71)
@pytest.mark.parametrize("has_password", [True, False])
def test_links_that_wait_or_have_failed_do_not_follow_an_account_to_its_next_email(
    app: Flask, staff_at_work: Member, has_password: bool
) -> None:
    run_sql(app, "UPDATE users SET password_hash = '!' WHERE id = 2" if not has_password else "SELECT 1")
    with app.app_context(), transaction():
        for name in ["confirmation", "invitation", "password_reset", "welcome"] * 2:
            TASKS[f"send_{name}_email"].enqueue(to="alice@example.com", user_id=2, made_at=timestamp())
    run_sql(app, "UPDATE outbox SET failed_at = due_at WHERE id IN (SELECT max(id) FROM outbox GROUP BY task)")
    staff_at_work.act("/admin/users/2/", "edit", username="alice", email="new@example.com")
    app.test_cli_runner().invoke(args=["outbox", "retry", "--all-failed"])
    [message] = send_emails(app)
    assert message.recipients == ["new@example.com"]
    assert message.task == ("send_confirmation_email" if has_password else "send_invitation_email")


@pytest.mark.requirement(71)
def test_a_copied_cookie_of_staff_sends_sixty_emails_an_hour(
    app: Flask, staff_at_work: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LIMITS["staff_email"].by_member == (60, 3600)
    monkeypatch.setitem(rate_limits.LIMITS, "staff_email", Limit(by_member=(3, 60)))
    for number in range(5):
        staff_at_work.act("/admin/users/", "add", username=f"new{number}", email=f"new{number}@example.net")
    assert enqueued(app) == 3
    other = Member(app, "bob", "staff")
    assert other.act("/admin/users/2/", "send-reset").status_code == 200


@pytest.mark.requirement(71)
def test_commands_are_not_limited(app: Flask, staff_at_work: Member) -> None:
    for number in range(TO_ONE + 1):
        names = ["--username", f"pupil{number}", "--email", f"school+{number}@example.net"]
        assert app.test_cli_runner().invoke(args=["users", "create", "--noinput", *names]).exit_code == 0
    assert enqueued(app) == TO_ONE + 1
