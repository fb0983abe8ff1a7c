"""Samples for the preview of emails."""

import pytest
from flask import Flask

from flaskcelery.users.models import LoginSession
from flaskcelery.users.samples import sample_row


def test_a_sample_without_a_value_that_its_row_needs_says_which(app: Flask) -> None:
    sample, missing = sample_row(LoginSession, token_hash="x"), "user_id and expires_at"
    refused = pytest.raises(ValueError, match=rf"^The sample of LoginSession needs a value for {missing}\.$")
    with app.app_context(), refused:
        sample()
