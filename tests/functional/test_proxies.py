"""Whose word is believed about where a visitor comes from."""

from __future__ import annotations

import pytest
from flask import request

from flaskcelery.app import create_app
from flaskcelery.web.requests import client_ip
from tests.conftest import PASSWORD, Browser, MakeApp, run_sql

FORGED = {
    "X-Forwarded-For": "6.6.6.6, 10.0.0.1, 10.0.0.2",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.com",
}
PEER = "127.0.0.1"  # of the test client
LONG = "6.6.6.6" + "0" * 39  # 46 characters, one more than the column of an IP address holds
# What X-Forwarded-For looks like behind real proxies, and the client behind one of them and behind two.
FORMS = {
    "nginx, Caddy": ("203.0.113.9", "203.0.113.9", PEER),
    "a client's own header before the proxy's": ("6.6.6.6, 203.0.113.9", "203.0.113.9", "6.6.6.6"),
    "two proxies": ("203.0.113.9, 198.51.100.7", "198.51.100.7", "203.0.113.9"),
    "no space": ("203.0.113.9,198.51.100.7", "198.51.100.7", "203.0.113.9"),
    "IPv6": ("2001:DB8:0::1, 198.51.100.7", "198.51.100.7", "2001:db8::1"),
    "Azure: a port": ("203.0.113.9:51234, 198.51.100.7:443", "198.51.100.7", "203.0.113.9"),
    "IIS: IPv6 and a port": ("[2001:db8::1]:51234, [2001:db8::2]", "2001:db8::2", "2001:db8::1"),
    "a dual-stack socket": ("::ffff:203.0.113.9, [::ffff:198.51.100.7]:80", "198.51.100.7", "203.0.113.9"),
    "a zone": ("fe80::1%eth0, fe80::2%a-very-long-name-of-a-network-interface", "fe80::2", "fe80::1"),
    "RFC 7239's names": ("_hidden, unknown", PEER, PEER),
    "nonsense": (f"{LONG}, 203.0.113.999", PEER, PEER),
    "empty": ("", PEER, PEER),
}


@pytest.mark.parametrize(
    ("proxies", "seen"), [(0, "127.0.0.1 http"), (1, "10.0.0.2 https"), (2, "10.0.0.1 https"), (4, "127.0.0.1 https")]
)
def test_as_many_proxies_are_believed_as_there_are(environ: dict[str, str], proxies: int, seen: str) -> None:
    app = create_app({**environ, "TRUSTED_PROXIES": str(proxies)})
    app.add_url_rule("/who", view_func=lambda: f"{request.remote_addr} {request.scheme} {request.host}")
    assert app.test_client().get("/who", headers=FORGED).text == f"{seen} localhost"


@pytest.mark.requirement(14)
@pytest.mark.parametrize("proxies", [1, 2])
def test_a_client_is_one_ip_address_however_a_proxy_spells_it(environ: dict[str, str], proxies: int) -> None:
    app = create_app({**environ, "TRUSTED_PROXIES": str(proxies)})
    app.add_url_rule("/who", view_func=client_ip)
    client = app.test_client()
    seen = {name: client.get("/who", headers={"X-Forwarded-For": form[0]}).text for name, form in FORMS.items()}
    assert seen == {name: form[proxies] for name, form in FORMS.items()}


@pytest.mark.requirement(14)
def test_what_is_no_ip_address_is_no_error_of_ours(make_app: MakeApp) -> None:
    app = make_app(TRUSTED_PROXIES="1")
    browser = Browser(app.test_client())
    browser.client.environ_base["HTTP_X_FORWARDED_FOR"] = LONG
    assert browser.sign_up().status_code == 302
    assert browser.log_in(password=PASSWORD).status_code == 302
    assert run_sql(app, "SELECT DISTINCT ip_address FROM audit_events") == [(PEER,)]


@pytest.mark.requirement(11)
@pytest.mark.parametrize(("spelling", "is_one"), [("203.0.113.9:{}", True), ("::ffff:203.0.113.{}", False)])
def test_ports_buy_no_tries_and_ipv4_clients_are_not_one(make_app: MakeApp, spelling: str, is_one: bool) -> None:
    app = make_app(TRUSTED_PROXIES="1", RATELIMIT_ENABLED="1")
    browser = Browser(app.test_client())
    answers = []
    for number in range(1, 13):
        browser.client.environ_base["HTTP_X_FORWARDED_FOR"] = spelling.format(number)
        answers.append(browser.log_in(password="wrong password").status_code)
    assert (429 in answers) == is_one
