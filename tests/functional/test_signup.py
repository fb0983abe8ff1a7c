"""Signing up, in one browser."""

from tests.conftest import Browser


def test_a_visitor_signs_up_and_is_sent_to_log_in(auth: Browser) -> None:
    response = auth.sign_up()
    assert (response.status_code, response.location) == (302, "/accounts/login/")
    assert "Account successfully created!" in auth.client.get("/accounts/login/").text
    assert not auth.is_logged_in()
