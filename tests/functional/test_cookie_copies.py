"""A session's cookie that somebody has copied: it dies when the owner does what should shut others out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from flaskcelery.audit.events import Event
from flaskcelery.auth import operations
from flaskcelery.users.password_change import check_password
from tests.conftest import PASSWORD, events, run_sql
from tests.functional.conftest import Member, pass_ten_minutes
from tests.functional.test_confirmation import EMAIL, EXPORT, ME, TITLE, post, send_again
from tests.functional.test_email_takeover import NEW, change
from tests.functional.test_sessions import copy_of
from tests.functional.two_factor import CODES, set_up

END_OTHERS = "/accounts/me/sessions/end_others/"


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
@pytest.mark.parametrize("path", [EXPORT, END_OTHERS])
@pytest.mark.parametrize("has_app", [False, True])
def test_a_double_click_on_the_button_that_confirms_costs_no_login(
    app: Flask, alice: Member, path: str, has_app: bool
) -> None:
    authenticator = set_up(alice)[0] if has_app else None
    pass_ten_minutes(app)
    asked, second, thief = post(alice, path), copy_of(alice), copy_of(alice)
    opened = post(thief, path)
    password = authenticator.code(1) if authenticator else PASSWORD
    for click in (alice, second):
        assert TITLE not in send_again(click, asked, password).text
        assert click.is_logged_in()
    assert alice.is_logged_in()
    send_again(thief, opened)
    assert not thief.is_logged_in()


@pytest.mark.requirement(84)
def test_nor_does_one_whose_first_click_ends_while_the_second_is_checked(
    app: Flask, alice: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    pass_ten_minutes(app)
    asked, second = post(alice, END_OTHERS), copy_of(alice)

    def check(*args: Any) -> None:
        monkeypatch.undo()
        with ThreadPoolExecutor() as pool:
            assert pool.submit(send_again, alice, asked).result().location == ME
        check_password(*args)

    monkeypatch.setattr(operations, "check_password", check)
    assert send_again(second, asked).location == ME
    assert (alice.is_logged_in(), second.is_logged_in()) == (True, True)


@pytest.mark.requirement(84)
def test_a_change_of_the_address_ends_copies_of_the_own_cookie(app: Flask, alice: Member) -> None:
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    thief = copy_of(alice)
    change(app, alice, NEW)
    assert alice.is_logged_in()
    assert not thief.is_logged_in()
