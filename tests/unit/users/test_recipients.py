"""Who gets emails: a query and `compose_for` agree."""

import pytest
from flask import Flask
from sqlalchemy import select

from flaskcelery.database import db, now_plus
from flaskcelery.users.models import User
from flaskcelery.users.recipients import compose_for, gets_emails
from flaskcelery.users.samples import add_user


@pytest.mark.parametrize(
    ("columns", "is_sent"),
    [
        ({}, True),
        ({"is_active": False}, True),
        ({"closed_at": now_plus()}, False),
        ({"email_confirmed_at": None}, False),
    ],
)
def test_a_query_finds_the_users_who_get_emails(app: Flask, columns: dict[str, object], is_sent: bool) -> None:
    with app.test_request_context():
        user = add_user(**columns)
        found = db.session.scalars(select(User.id).where(gets_emails())).all()
        email = compose_for(user.id, "users/email/email_taken", link="https://example.com", reason="")
        db.session.rollback()
    assert (user.id in found, email is not None) == (is_sent, is_sent)
