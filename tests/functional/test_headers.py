"""Every response carries its headers, every cookie its flags, and only this site's hosts are served."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flaskcelery.web.security import HEADERS
from tests.conftest import Browser
from tests.functional.conftest import SITE
from tests.pages import csrf_token


def token_of(client: FlaskClient, path: str = "/accounts/login/", base_url: str | None = None) -> str:
    """Return the CSRF token of a form in this browser."""
    return csrf_token(client.get(path, base_url=base_url).text)


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


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/me/"])
def test_a_page_that_depends_on_the_cookie_says_so_once(client: FlaskClient, logged_in: Browser, path: str) -> None:
    for visitor in (client, logged_in.client):
        assert visitor.get(path).headers.getlist("Vary") == ["Cookie"]


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
        assert cookie.startswith(("session=", "devices="))
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
