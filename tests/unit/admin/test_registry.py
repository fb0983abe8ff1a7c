"""What the page of a row shows."""

import pytest
from flask import Flask

from flaskcelery.admin.pages import SESSIONS
from flaskcelery.users.models import LoginSession


@pytest.mark.parametrize("value", [False, 0])
def test_no_and_zero_are_values_and_not_empty(app: Flask, value: object) -> None:
    with app.app_context():
        row = LoginSession(is_remembered=value, user_id=1)
        assert "is_remembered" in SESSIONS.find_details(row)
        assert "is_remembered" not in SESSIONS.find_details(row, is_empty=True)
