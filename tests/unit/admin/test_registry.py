"""What the page of a row shows, and what an action needs for it."""

import pytest
from flask import Flask

from flaskcelery.admin.pages import SESSIONS
from flaskcelery.admin.registry import action
from flaskcelery.users.models import LoginSession


@pytest.mark.parametrize("value", [False, 0])
def test_no_and_zero_are_values_and_not_empty(app: Flask, value: object) -> None:
    with app.app_context():
        row = LoginSession(is_remembered=value, user_id=1)
        assert "is_remembered" in SESSIONS.find_details(row)
        assert "is_remembered" not in SESSIONS.find_details(row, is_empty=True)


def test_a_dangerous_action_without_a_sentence_is_refused() -> None:
    with pytest.raises(ValueError, match="note="):
        action("Delete", danger=True)
    for options in ({"note": "For good."}, {"confirm": lambda _row: ["For good."]}):
        assert action("Delete", danger=True, **options)(lambda _actor, _row: "It is deleted.").danger
