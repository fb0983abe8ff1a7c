"""An action of staff that waits for a lock while its actor is demoted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from flaskcelery.admin import operations as staff
from flaskcelery.database import db
from flaskcelery.users.accounts import NotStaff
from tests.integration.test_accounts import app, count  # noqa: F401  a fixture

# The others lock all staff first: then the demotion waits for them.
ACTIONS: dict[str, Callable[[int, int], object]] = {
    "unlock": lambda user, actor: staff.set_active(user, is_active=True, actor_id=actor),
    "role": lambda user, actor: staff.set_role(user, "staff", actor_id=actor),
    "edit": lambda user, actor: staff.change_user(user, "new", "new@example.com", actor_id=actor),
    "link": lambda user, actor: staff.send_password_link(user, actor_id=actor),
}


@pytest.mark.requirement(68)
@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_that_waits_while_its_actor_is_demoted_does_nothing(app: Flask, name: str) -> None:  # noqa: F811
    with app.app_context():
        actor, user = (
            staff.create_user(each, f"{each}@example.com", role).id for each, role in (("bob", "staff"), ("al", "user"))
        )
        staff.create_user("carol", "carol@example.com", "staff")
        db.session.remove()
    failed: list[Exception] = []

    def act() -> None:
        with app.app_context():
            try:
                ACTIONS[name](user, actor)
            except NotStaff as error:
                failed.append(error)
            finally:
                db.session.remove()

    with app.app_context(), db.engine.connect() as other:
        other.execute(text(f"SELECT id FROM users WHERE id = {user} FOR UPDATE"))
        thread = threading.Thread(target=act)
        thread.start()
        time.sleep(1)  # it waits for the row
        with db.engine.begin() as third:
            third.execute(text(f"UPDATE users SET is_staff = false WHERE id = {actor}"))
        other.rollback()
        thread.join()
    assert len(failed) == 1
    assert count(app, "users WHERE NOT is_staff AND username = 'al'") == 1
    assert count(app, "audit_events") == 3  # the accounts were created
