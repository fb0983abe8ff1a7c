"""Pages for strangers are rendered once and hold nothing of any visitor."""

from collections.abc import Iterator

import pytest
from flask import Flask, template_rendered
from flask.testing import FlaskClient

from tests.conftest import PASSWORD, Browser
from tests.pages import csrf_token, find_csrf_token

PAGES = ("/", "/accounts/login/", "/accounts/signup/")
LOG_IN = {"username": "alice@example.com", "password": PASSWORD}


@pytest.fixture
def rendered(app: Flask) -> Iterator[list[str]]:
    """Return the names of the templates that are rendered."""
    names: list[str] = []

    def note(_app: Flask, template: object, **_: object) -> None:
        names.append(str(getattr(template, "name", "")))

    with template_rendered.connected_to(note, app):
        yield names


@pytest.mark.parametrize("path", PAGES)
def test_a_page_for_strangers_is_rendered_once(app: Flask, rendered: list[str], path: str) -> None:
    pages = [app.test_client().get(path).text for _ in range(3)]
    assert len(rendered) == 1
    assert len({page.replace(find_csrf_token(page) or "none", "TOKEN") for page in pages}) == 1


def test_every_stranger_has_a_csrf_token_of_their_own(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    clients = [app.test_client() for _ in range(3)]
    tokens = [csrf_token(client.get("/accounts/login/").text) for client in clients]
    assert len(set(tokens)) == 3
    others = [client.post("/accounts/login/", data={"csrf_token": tokens[0], **LOG_IN}) for client in clients]
    assert [answer.status_code for answer in others] == [302, 400, 400]
    own = [
        client.post("/accounts/login/", data={"csrf_token": token, **LOG_IN})
        for client, token in zip(clients[1:], tokens[1:], strict=True)
    ]
    assert [answer.status_code for answer in own] == [302, 302]


def test_the_home_page_gives_a_stranger_no_session(client: FlaskClient) -> None:
    assert [client.get("/").headers.get("Set-Cookie") for _ in range(2)] == [None, None]


def test_a_stranger_sees_nothing_of_those_whom_the_site_knows(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    assert "Account successfully created!" in auth.client.get("/accounts/login/").text
    auth.log_in()
    assert "alice" in auth.client.get("/").text
    for path in PAGES:
        page = app.test_client().get(path).text
        assert "alice" not in page
        assert "Account successfully created!" not in page
    assert "alice" in auth.client.get("/").text
    assert auth.client.get("/accounts/login/").status_code == 302


def test_what_the_url_asks_for_is_not_kept(client: FlaskClient) -> None:
    assert 'data-note="log-in-first"' in client.get("/accounts/login/?next=/accounts/me/").text
    assert 'data-note="log-in-first"' not in client.get("/accounts/login/").text


def test_while_templates_change_no_page_is_kept(app: Flask, rendered: list[str]) -> None:
    app.debug = True
    assert [app.test_client().get("/accounts/login/").status_code for _ in range(2)] == [200, 200]
    assert len(rendered) == 2


def test_no_header_of_a_visitor_changes_the_links_of_others(own_app: Flask) -> None:
    forged = {"SCRIPT_NAME": "//evil.example"}  # gunicorn takes it from a header
    own_app.test_client().get("/accounts/login/", environ_overrides=forged)
    assert "evil.example" not in own_app.test_client().get("/accounts/login/").text
