"""Rows 19 to 21: sessions end when they should, for the browser's next request and every copy of its cookie."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import update

from flaskcelery.admin import operations as staff
from flaskcelery.database import db, transaction
from flaskcelery.users.deletion import delete_user
from flaskcelery.users.models import User
from flaskcelery.users.sessions import log_out_devices
from flaskcelery.web.rate_limits import LIMITS
from tests.integration.visitor import PASSWORD, Visitor
from tests.security.conftest import Site

NEW = "brass kettle forty"
PER_ACCOUNT = (LIMITS["enter_password"].by_account or (0, 0))[0]
PER_MEMBER = (LIMITS["new_password"].by_member or (0, 0))[0]
ME, CHANGE_PASSWORD, CHANGE_EMAIL = "/accounts/me/", "/accounts/password_change/", "/accounts/me/email/"


def send(visitor: Visitor, path: str, **fields: str) -> int:
    """Fetch a form and send it; return the status."""
    visitor.get(path)
    return visitor.post(path, **fields).status


def change_password(stack: Site, name: str, mine: Visitor, _app: Flask) -> None:
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert send(mine, CHANGE_PASSWORD, **fields) == 302


def reset_password(stack: Site, name: str, mine: Visitor, _app: Flask) -> None:
    ask = "/accounts/password_reset/"
    link = stack.link_mailed(
        f"{name}@example.com", lambda: send(mine, ask, email=f"{name}@example.com"), "/accounts/reset/"
    )
    form = mine.get(link).headers["Location"]
    assert send(mine, form, new_password1=NEW, new_password2=NEW) == 302


def change_email(stack: Site, name: str, mine: Visitor, _app: Flask) -> str:
    """Confirm the present address, then change it; return the link that undoes it."""
    send(mine, "/accounts/email/resend/", email="nobody@example.com")  # a member's page shows a form's token
    confirm = stack.link_mailed(
        f"{name}@example.com", lambda: send(mine, "/accounts/email/resend/", email=f"{name}@example.com")
    )
    assert send(mine, confirm) == 302
    new = f"new.{name}@example.com"
    link = stack.link_mailed(new, lambda: send(mine, CHANGE_EMAIL, email=new, password=PASSWORD))
    return stack.link_mailed(f"{name}@example.com", lambda: send(mine, link), "/accounts/email/undo/")


def undo_email(stack: Site, name: str, mine: Visitor, app: Flask) -> None:
    assert send(stack.visitor(), change_email(stack, name, mine, app)) == 302


def by_staff(act: Callable[[int], object]) -> Callable[..., None]:
    def run(stack: Site, name: str, _mine: Visitor, app: Flask) -> None:
        with app.app_context():
            act(stack.id_of(name))

    return run


def end_the_other(stack: Site, name: str, mine: Visitor, _app: Flask) -> None:
    others = re.findall(r'action="(/accounts/me/sessions/\d+/end/)"', mine.get(ME).text)
    assert len(others) == 1
    assert mine.post(others[0]).status == 302


def end_others(stack: Site, name: str, mine: Visitor, _app: Flask) -> None:
    mine.get(ME)
    assert mine.post("/accounts/me/sessions/end_others/").status == 302


def close(stack: Site, name: str, mine: Visitor, _app: Flask) -> None:
    assert send(mine, "/accounts/me/delete/", password=PASSWORD) == 302


def make_viewer(user_id: int) -> None:
    with transaction():
        db.session.execute(update(User).where(User.id == user_id).values(email_confirmed_at=User.joined_at))
    staff.set_role(user_id, "viewer")


# What ends the other browser's session, and whether this one's lives on.
REVOCATIONS: dict[str, tuple[Callable[..., object], bool]] = {
    "password changed": (change_password, True),
    "password reset": (reset_password, False),
    "address changed": (change_email, True),
    "change of address undone": (undo_email, False),
    "other browser logged out": (end_the_other, True),
    "all others logged out": (end_others, True),
    "account closed": (close, False),
    "deactivated": (by_staff(lambda user: staff.set_active(user, is_active=False)), False),
    "role changed": (by_staff(make_viewer), False),
    "logged out by staff": (by_staff(log_out_devices), False),
    "deleted by staff": (by_staff(delete_user), False),
}


@pytest.mark.requirement(19)
@pytest.mark.parametrize("how", REVOCATIONS)
def test_a_session_that_was_ended_elsewhere_is_refused_at_the_next_request(stack: Site, app: Flask, how: str) -> None:
    name, (mine, other) = stack.member(browsers=2)
    copy, old = stack.visitor(other.cookies), stack.visitor(mine.cookies)
    assert mine.is_logged_in()
    assert all(visitor.get(ME).status == 200 for visitor in (other, copy))  # a page with its form's token
    end, stays = REVOCATIONS[how]
    end(stack, name, mine, app)
    for dead in (other, copy):
        assert dead.post("/accounts/me/username/", username=f"stolen.{name}").status == 302
        assert dead.get(ME).status == 302
        assert not dead.is_logged_in()
    assert mine.is_logged_in() == stays
    assert stack.count(f"users WHERE username = 'stolen.{name}'") == 0
    if how == "password changed":
        assert not old.is_logged_in()  # its cookie is new, too


@pytest.mark.requirement(20)
def test_a_session_ends_when_idle_and_when_old(stack: Site) -> None:
    _, (idle, busy) = stack.member(browsers=2)
    for number in range(1, 31):
        with stack.later(hours=11 * number):
            assert busy.is_logged_in(), number
        if number == 1:
            with stack.later(hours=12, minutes=1):
                assert not idle.is_logged_in()
    with stack.later(days=14, minutes=1):
        assert not busy.is_logged_in()


@pytest.mark.requirement(21)
def test_what_matters_needs_the_current_password_and_guesses_are_counted(stack: Site) -> None:
    name, (visitor,) = stack.member()
    new = {"new_password1": NEW, "new_password2": NEW}
    forms: dict[str, dict[str, str]] = {
        CHANGE_PASSWORD: new,
        CHANGE_EMAIL: {"email": f"new.{name}@example.com"},
        "/accounts/me/delete/": {},
    }
    with stack.later(minutes=11):
        for path, fields in forms.items():
            for wrong in ({}, {"password": "", "old_password": ""}, {"password": "wrong", "old_password": "wrong"}):
                assert send(visitor, path, **fields, **wrong) == 200
        answers = [send(visitor, CHANGE_PASSWORD, old_password=f"guess {n}", **new) for n in range(PER_MEMBER)]
        assert answers == [200] * PER_MEMBER
        answers = [send(visitor, "/accounts/me/delete/", password=f"guess {n}") for n in range(PER_ACCOUNT)]
    wrong = len(forms) + PER_MEMBER  # wrong passwords count together
    assert answers == [200] * (PER_ACCOUNT - wrong) + [429] * wrong
    row = stack.query("SELECT email, pending_email, closed_at FROM users WHERE username = :name", name=name)
    assert row == [(f"{name}@example.com", None, None)]
    assert stack.visitor().log_in(f"{name}@example.com").status == 302
