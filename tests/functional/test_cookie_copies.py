"""A session's cookie that somebody has copied: it dies when the owner does what should shut others out."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.audit.events import Event
from tests.conftest import PASSWORD, events, run_sql
from tests.functional.conftest import Member, pass_ten_minutes
from tests.functional.test_confirmation import EMAIL, EXPORT, TITLE, post
from tests.functional.test_email_takeover import NEW, change
from tests.functional.test_sessions import copy_of
from tests.functional.two_factor import CODES, set_up


@pytest.mark.requirement(84)
@pytest.mark.parametrize("path", [EXPORT, CODES, EMAIL])
def test_copies_of_the_cookie_from_before_the_password_die_with_it(app: Flask, alice: Member, path: str) -> None:
    set_up(alice)
    pass_ten_minutes(app)
    thief = copy_of(alice)
    assert TITLE in post(thief, path).text
    assert post(alice, path, password=PASSWORD, email="alice@example.org").status_code in {200, 302}
    assert Event.CONFIRMED in events(app)
    assert alice.is_logged_in()
    assert not thief.is_logged_in()


@pytest.mark.requirement(84)
def test_a_change_of_the_address_ends_copies_of_the_own_cookie(app: Flask, alice: Member) -> None:
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    thief = copy_of(alice)
    change(app, alice, NEW)
    assert alice.is_logged_in()
    assert not thief.is_logged_in()
