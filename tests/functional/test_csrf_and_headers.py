"""Forged forms change nothing; every response carries its headers, every cookie its flags."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.users.models import LoginSession, User
from flaskcelery.web.security import HEADERS
from tests.conftest import PASSWORD, Browser, close
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
SITE = "https://www.example.com"
EXPIRED = "This form has expired"


def token_of(client: FlaskClient, path: str = "/accounts/login/", base_url: str | None = None) -> str:
    """Return the CSRF token of a form in this browser."""
    return csrf_token(client.get(path, base_url=base_url).text)


def count_rows(app: Flask) -> list[int]:
    """Return how many users and login sessions there are."""
    with app.app_context():
        counts = [db.session.scalar(db.select(db.func.count()).select_from(each)) for each in (User, LoginSession)]
        db.session.remove()
    return counts


@pytest.fixture
def secure_app(environ: dict[str, str]) -> Iterator[Flask]:
    """Return an application whose visitors come over HTTPS."""
    app = create_app({**environ, "PUBLIC_URL": SITE})
    yield app
    close(app)


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


@pytest.mark.parametrize(
    ("path", "code"),
    [("/", 200), ("/accounts/signup/", 200), ("/accounts/login/", 200), ("/nope", 404), ("/accounts/logout/", 405)],
)
def test_every_page_has_its_headers_and_is_not_kept(client: FlaskClient, path: str, code: int) -> None:
    response = client.get(path)
    assert response.status_code == code
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


def test_redirects_refusals_and_files_have_the_headers_too(auth: Browser) -> None:
    responses = [auth.sign_up(), auth.log_in(), auth.client.post("/accounts/signup/"), auth.log_out()]
    responses += [auth.client.get("/accounts/login"), auth.client.get("/static/site.css")]
    assert [response.status_code for response in responses] == [302, 302, 400, 302, 308, 200]
    for response in responses:
        response.close()
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
        assert ("no-store" in response.headers["Cache-Control"]) == (response.mimetype == "text/html")


def test_the_policy_lets_no_script_in(client: FlaskClient) -> None:
    policy = dict(part.split(maxsplit=1) for part in client.get("/nope").headers["Content-Security-Policy"].split("; "))
    nothing = ("default-src", "base-uri", "object-src", "frame-ancestors")
    assert {policy[name] for name in nothing} == {"'none'"}
    assert "unsafe" not in "".join(policy.values())
    assert "script-src" not in policy


def test_over_https_browsers_are_told_to_stay_there(client: FlaskClient, secure_app: Flask) -> None:
    for path in ("/", "/nope", "/static/site.css"):
        with secure_app.test_client().get(path, base_url=SITE) as response:
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        with client.get(path) as response:
            assert "Strict-Transport-Security" not in response.headers


def test_every_cookie_is_kept_from_scripts_and_other_sites(auth: Browser) -> None:
    responses = [auth.client.get("/accounts/signup/"), auth.sign_up(), auth.log_in(), auth.log_out()]
    cookies = [cookie for response in responses for cookie in response.headers.getlist("Set-Cookie")]
    assert len(cookies) >= len(responses)
    for cookie in cookies:
        assert cookie.startswith("session=")
        assert {"HttpOnly", "Path=/", "SameSite=Lax"} < {*cookie.split("; ")}
        assert len(cookie) < 4096


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(secure_app: Flask) -> None:
    client = secure_app.test_client()
    for path in ("/accounts/signup/", "/accounts/login/"):
        for cookie in client.get(path, base_url=SITE).headers.getlist("Set-Cookie"):
            assert cookie.startswith("__Host-session=")
            assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} < {*cookie.split("; ")}
            assert "domain" not in cookie.lower()


@pytest.mark.parametrize(
    "host", ["evil.com", "127.0.0.1.evil.com", "evil.com:80@127.0.0.1", "localhost.", "a b", "é", "", "127.0.0.1:99999"]
)
def test_a_request_for_another_host_is_refused_in_plain_words(client: FlaskClient, host: str) -> None:
    for path in ("/", "/accounts/login", "/nope", "/accounts/logout/", "/static/site.css"):
        response = client.get(path, headers={"Host": host})
        assert (response.status_code, "could not read" in response.text) == (400, True)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "evil" not in response.text
        assert "Location" not in response.headers


def test_the_public_host_is_served_and_in_development_this_machine_too(secure_app: Flask) -> None:
    client = secure_app.test_client()
    assert client.get("/", base_url=SITE).status_code == 200
    assert client.get("/", base_url="https://localhost").status_code == 200
    assert client.get("/", base_url="https://evil.com").status_code == 400


def test_forwarding_headers_of_a_visitor_change_no_redirect(client: FlaskClient) -> None:
    forged = {"X-Forwarded-Host": "evil.com", "X-Forwarded-Prefix": "//evil.com", "X-Forwarded-Proto": "https"}
    response = client.get("/accounts/login", headers=forged)
    assert response.headers["Location"] == "http://localhost/accounts/login/"


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
