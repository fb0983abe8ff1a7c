"""Forged forms change nothing."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.users.models import LoginSession, User
from tests.conftest import PASSWORD, Browser
from tests.functional.conftest import SITE
from tests.pages import csrf_token

SIGN_UP = {"username": "bob", "email": "bob@example.com", "password1": PASSWORD, "password2": PASSWORD}
LOG_IN = {"username": "alice@example.com", "password": PASSWORD}
CHANGE = {"old_password": PASSWORD, "new_password1": "staple seventeen", "new_password2": "staple seventeen"}
FORMS = {
    "/accounts/signup/": SIGN_UP,
    "/accounts/login/": LOG_IN,
    "/accounts/logout/": {},
    "/accounts/password_reset/": {"email": "alice@example.com"},
    "/accounts/password_change/": CHANGE,
}
EXPIRED = "This form has expired"


def token_of(client: FlaskClient, path: str = "/accounts/login/", base_url: str | None = None) -> str:
    """Return the CSRF token of a form in this browser."""
    return csrf_token(client.get(path, base_url=base_url, follow_redirects=True).text)


def count_rows(app: Flask) -> list[int]:
    """Return how many users and login sessions there are."""
    with app.app_context():
        counts = [db.session.scalar(db.select(db.func.count()).select_from(each)) for each in (User, LoginSession)]
        db.session.remove()
    return counts


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", ["none", "empty", "nonsense", "of another browser", "only in the address"])
def test_a_form_without_its_own_token_changes_nothing(app: Flask, auth: Browser, path: str, token: str) -> None:
    auth.sign_up()
    auth.log_in()
    before = count_rows(app)
    tokens = {"empty": "", "nonsense": "x", "of another browser": token_of(app.test_client())}
    data = FORMS[path] | ({"csrf_token": tokens[token]} if token in tokens else {})
    query = {"csrf_token": token_of(auth.client)} if token == "only in the address" else {}
    response = auth.client.post(path, data=data, query_string=query)
    assert (response.status_code, EXPIRED in response.text) == (400, True)
    assert (count_rows(app), auth.is_logged_in()) == (before, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("Sec-Fetch-Site", value) for value in ("cross-site", "same-site", "nonsense")],
        *[
            ("Origin", value)
            for value in ("https://evil.com", "null", "http://localhost:81", "http://localhost@evil.com")
        ],
        *[("Origin", value) for value in ("http://[", "http://[localhost]", "", "\xff", "localhost", "//")],
    ],
)
def test_a_form_sent_by_another_site_is_refused_even_with_its_token(
    app: Flask, auth: Browser, name: str, value: str
) -> None:
    data = SIGN_UP | {"csrf_token": token_of(auth.client)}
    response = auth.client.post("/accounts/signup/", data=data, headers={name: value})
    assert (response.status_code, count_rows(app)) == (403, [0, 0])
    for own in ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert auth.client.post("/accounts/signup/", data=data, headers=own).status_code != 403


def test_a_link_from_another_site_is_followed(client: FlaskClient) -> None:
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_a_link_cannot_log_anybody_out(auth: Browser) -> None:
    auth.sign_up()
    auth.log_in()
    response = auth.client.get("/accounts/logout/")
    assert (response.status_code, "Not possible" in response.text) == (405, True)
    assert "POST" in response.headers["Allow"]
    assert auth.is_logged_in()


@pytest.mark.parametrize(
    "referer",
    [
        None,
        "https://evil.com/",
        "http://www.example.com/",
        f"{SITE}.evil.com/",
        "https://[",
        f"{SITE}:abc/",
        f"{SITE}:99999999/",
        "https://www.example.com\u2100/",
    ],
)
def test_over_https_a_form_from_another_site_is_refused(secure_app: Flask, referer: str | None) -> None:
    client = secure_app.test_client()
    data = SIGN_UP | {"csrf_token": token_of(client, "/accounts/signup/", SITE)}
    headers = {"Referer": referer} if referer else {}
    response = client.post("/accounts/signup/", base_url=SITE, data=data, headers=headers)
    assert (response.status_code, count_rows(secure_app)) == (400, [0, 0])
    headers = {"Referer": f"{SITE}/accounts/signup/"}
    assert client.post("/accounts/signup/", base_url=SITE, data=data, headers=headers).status_code == 302


def test_a_changed_secret_key_ends_neither_sessions_nor_open_forms_while_the_earlier_one_is_kept(
    app: Flask, environ: dict[str, str], auth: Browser
) -> None:
    auth.sign_up()
    auth.log_in()
    token, cookie = token_of(auth.client, "/"), auth.client.get_cookie("session").value
    keys = f"{'y' * 50} {app.config['SECRET_KEY']}"
    dropped, kept = (
        create_app({**environ, "SECRET_KEY": "x" * 50, "SECRET_KEY_FALLBACKS": fallbacks}).test_client()
        for fallbacks in ("", keys)
    )
    for client, is_kept in ((dropped, False), (kept, True)):
        client.set_cookie("session", cookie)
        assert Browser(client).is_logged_in() == is_kept
        assert client.post("/accounts/signup/", data=SIGN_UP | {"csrf_token": "nonsense"}).status_code == 400
        response = client.post("/accounts/signup/", data=SIGN_UP | {"csrf_token": token})
        assert (response.status_code == 302, EXPIRED in response.text) == (is_kept, not is_kept)
