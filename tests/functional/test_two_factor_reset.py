"""A lost app and lost recovery codes: staff helps, in the admin or by command; the owner is told."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from flaskcelery.audit.events import Event
from tests.conftest import events, run_sql, send_emails
from tests.functional.conftest import Member
from tests.functional.two_factor import Person

RESET = "reset-two-factor"


@pytest.fixture
def alice(app: Flask) -> Person:
    """Return somebody with an authenticator app, logged in."""
    person = Person(app).log_in_with_code()
    send_emails(app)
    return person


def was_reset(app: Flask, alice: Person) -> bool:
    """Return whether alice was told, logged out, and needs no code."""
    told = [email.args["event"] for email in send_emails(app) if email.recipients == [alice.email]]
    assert told in ([], [Event.TOTP_RESET])
    is_out = not alice.is_logged_in()
    assert (Event.TOTP_RESET in events(app)) == is_out == bool(told)
    return is_out


@pytest.mark.requirement(79)
def test_staff_resets_it_in_the_admin(app: Flask, alice: Person, staff: Member) -> None:
    page = staff.act("/admin/users/1/", RESET)
    assert "The two-factor authentication of user 1 is reset." in page.text
    assert was_reset(app, alice)
    [(actor, email)] = run_sql(app, f"SELECT actor_name, email FROM audit_events WHERE event = '{Event.TOTP_RESET}'")
    assert (actor, email) == ("sue", "a***@example.com")
    assert run_sql(app, "SELECT * FROM recovery_codes") == []
    assert staff.client.get(f"/admin/users/1/action/{RESET}/").status_code == 404
    alice.log_in()
    assert alice.is_logged_in()


def test_the_page_of_a_user_tells_since_when_and_no_secret(app: Flask, alice: Person, staff: Member) -> None:
    page = staff.client.get("/admin/users/1/").text
    assert "TOTP enabled (UTC)" in page
    [(secret, step)] = run_sql(app, "SELECT totp_secret, totp_last_step FROM users WHERE id = 1")
    assert secret not in page
    assert str(step) not in page


def test_who_is_no_staff_resets_nothing(app: Flask, alice: Person, viewer: Member) -> None:
    path = f"/admin/users/1/action/{RESET}/"
    for member in (viewer, alice):
        assert member.client.get(path).status_code == 403
    assert viewer.client.post(path, data={"csrf_token": viewer.token()}).status_code == 403
    assert not was_reset(app, alice)


@pytest.mark.requirement(79)
def test_a_command_resets_it(app: Flask, alice: Person) -> None:
    run = app.test_cli_runner().invoke
    shown = json.loads(run(args=["users", "show", "alice", "--json"]).stdout)
    assert (shown["totp_enabled_at"][:2], shown["recovery_codes"], shown["devices_forgotten_at"]) == ("20", 10, None)
    done = run(args=["users", "reset-factor", "alice"])
    assert (done.exit_code, done.output) == (0, "alice has no two-factor authentication any more.\n")
    assert was_reset(app, alice)
    again = run(args=["users", "reset-factor", "alice"])
    assert (again.exit_code, "is off" in again.output) == (1, True)
