"""`next` after a login: whatever it says, the browser stays on this host."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD, Browser

HOST = "localhost"
WAYS = pytest.mark.parametrize("way", ["field", "query", "page"])
REFUSED = [
    "https://evil.com/",
    "http:///evil.com",
    "https:evil.com",
    "http:/evil.com",
    "HTTPS:\\\\evil.com",
    "evil.com",
    "//evil.com",
    "///evil.com",
    "////evil.com",
    "//evil.com@localhost",
    "//localhost@evil.com",
    "//evil%2Ecom",
    "/\\evil.com",
    "\\\\evil",
    "\\/evil.com",
    "/\\/evil.com",
    "\\evil.com",
    "/a\\..\\\\evil.com",
    "/\t/evil.com",
    "/\n/evil.com",
    "/\r/evil.com",
    "\t//evil.com",
    "\n//evil.com",
    "/\t\\evil.com",
    "\x01//evil.com",
    "/ /evil.com",
    " //evil.com",
    " https://evil.com",
    "/\x00/evil.com",
    "/\x0b/evil.com",
    "/\x7f/evil.com",
    "/\u00a0/evil.com",
    "/\u2028/evil.com",
    "/\u3000/evil.com",
    "/\u200b/evil.com",
    "/\ufeff/evil.com",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "/\r\nSet-Cookie: a=b",
    "/\r\n\r\n<b>",
    "%2f%2fevil.com",
    "%5c%5cevil.com",
    "\uff0f\uff0fevil.com",
    "\u2044\u2044evil.com",
    "//evil\u3002com",
    "?next=//evil.com",
    "#//evil.com",
    ".//evil.com",
    "@evil.com",
    "/" + "a" * 10_000,
    "",
    " ",
]
STRANGE = [  # paths of this site, as odd as they look
    "/%5cevil.com",
    "/%2f/evil.com",
    "/%2f%2fevil.com",
    "/%09/evil.com",
    "/%0d%0aSet-Cookie:a=b",
    "/%00/evil.com",
    "/.//evil.com",
    "/..//evil.com",
    "/a/..//evil.com",
    "/%2e//evil.com",
    "/@evil.com",
    "/:80//evil.com",
    "/;//evil.com",
    "/\uff0fevil.com",
    "/\u2044evil.com",
    "/\u29f8evil.com",
    "/\u3002evil.com",
    "/?next=//evil.com",
    "/#//evil.com",
]
KEPT = {
    "/": "/",
    "/accounts/login/?a=b": "/accounts/login/?a=b",
    "/ünïcode": "/%C3%BCn%C3%AFcode",
    "/a%20b/?q=%2F&q=ж#top": "/a%20b/?q=%2F&q=%D0%B6#top",
}


def host_for_a_browser(location: str) -> str:
    """Return the host to which a browser on http://localhost goes (WHATWG, URL parsing), or the scheme."""
    text = re.sub(r"[\t\r\n]", "", location).strip("".join(map(chr, range(0x21)))).replace("\\", "/")
    scheme, slashes, authority = re.match(r"(?:([a-z][a-z0-9+.-]*):)?(/*)([^/?#]*)", text, re.IGNORECASE).groups()
    if scheme and scheme.lower() not in {"http", "https"}:
        return f"{scheme}:"
    if len(slashes) > 1 or (scheme or "http").lower() == "https":
        return authority.rpartition("@")[2].rpartition(":")[0] or authority
    return HOST


def log_in_for(auth: Browser, target: str, way: str) -> TestResponse:
    """Log in with `next` in the form's field, in the address, or as the page at that address fills it in."""
    address = f"/accounts/login/?next={quote(target, safe='')}"
    account = {"username": "alice@example.com", "password": PASSWORD}
    if way == "query":
        return auth.send(address, **account)
    if way == "page":
        auth.client.delete_cookie("session")  # whoever is logged in sees no login page
        target = unescape(re.search(r'name="next"[^>]*value="([^"]*)"', auth.client.get(address).text)[1])
    return auth.send("/accounts/login/", next=target, **account)


@pytest.mark.parametrize("location", ["//evil.com", "/\\evil.com", "///evil.com", "/\t/evil.com", "https:evil.com"])
def test_the_browser_of_these_tests_could_be_led_astray(location: str) -> None:
    assert host_for_a_browser(location) == "evil.com"


@WAYS
def test_an_address_that_is_no_path_of_this_site_leads_home(auth: Browser, way: str) -> None:
    auth.sign_up()
    for target in REFUSED:
        response = log_in_for(auth, target, way)
        assert (response.status_code, response.headers["Location"]) == (302, "/"), target
        cookies = response.headers.getlist("Set-Cookie")
        assert all(cookie.startswith(("session=", "devices=")) for cookie in cookies), target


@WAYS
def test_a_path_of_this_site_is_kept(auth: Browser, way: str) -> None:
    auth.sign_up()
    for target, location in KEPT.items():
        assert log_in_for(auth, target, way).headers["Location"] == location


def test_a_strange_path_stays_on_this_host_through_every_redirect(auth: Browser) -> None:
    auth.sign_up()
    for target in STRANGE:
        response = log_in_for(auth, target, "field")
        assert response.status_code == 302
        while response.status_code in {302, 308}:
            assert host_for_a_browser(response.headers["Location"]) == HOST, target
            response = auth.client.get(response.headers["Location"].partition("#")[0])
        assert response.status_code in {200, 404}, target


@pytest.mark.parametrize(
    "path", ["//evil.com", "///evil.com", "/\\evil.com", "//evil.com/..", "/accounts//login", "//"]
)
def test_no_request_is_redirected_to_another_host(client: FlaskClient, path: str) -> None:
    response = client.get("/", environ_overrides={"PATH_INFO": path})
    assert response.status_code in {200, 308, 404}
    assert host_for_a_browser(response.headers.get("Location", "/")) == HOST
