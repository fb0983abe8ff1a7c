"""What nginx does by itself, in front of a stand-in for uWSGI that says what it was handed."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from flaskcelery.web.security import HEADERS
from tests.integration.echo import Echo, NameServer, served
from tests.integration.edge import STRANGER, ask, log_of, send_raw
from tests.processes import HOST, free_port, wait_until

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_forms_go_to_processes_of_their_own(start_nginx: Callable[..., Any]) -> None:
    site = start_nginx()
    ports = {method: int(json.loads(ask(site.port, "/x", method).text)["port"]) for method in ("GET", "PUT", "POST")}
    assert ports == {"GET": site.pages, "PUT": site.pages, "POST": site.forms}
    for path in ("/healthz", "/readyz"):
        assert json.loads(ask(site.port, path).text)["path"] == path


@pytest.mark.requirement(14)
def test_the_application_hears_from_nginx_who_asks_and_how(start_nginx: Callable[..., Any]) -> None:
    site = start_nginx()
    forged = {
        "X_Forwarded_Host": "evil.example",
        "X_Forwarded_Port": "99",
        "X_Forwarded_Prefix": "/evil",
        "X_Forwarded_Server": "evil.example",
        "X_Forwarded_Ssl": "on",
        "Forwarded": "for=6.6.6.6",
        "Proxy": "http://evil.example",
        "X_Real_IP": "6.6.6.6",
        "X_Scheme": "https",
        "X_Request_ID": "evil",
        "X_Forwarded_For": "6.6.6.6",
    }
    answer = ask(site.port, "/a%20b/?token=secret", source=STRANGER, **forged)
    seen = json.loads(answer.text)
    assert {name.lower().replace("_", "-") for name in list(forged)[:7]}.isdisjoint(name.lower() for name in seen)
    assert (seen["X-Real-IP"], seen["X-Scheme"], seen["Host"]) == (STRANGER, "http", f"{HOST}:{site.port}")
    assert seen["X-Forwarded-For"] == STRANGER
    assert re.fullmatch("[0-9a-f]{32}", seen["X-Request-ID"])
    assert answer.headers.get_all("X-Request-ID") == [seen["X-Request-ID"]]
    line = log_of(site, "/a b/")
    assert (line["request_id"], line["ip_address"], line["status"]) == (seen["X-Request-ID"], STRANGER, 200)


@pytest.mark.requirement(23)
def test_nginx_own_answers_are_polite_pages_with_every_header_once(start_nginx: Callable[..., Any]) -> None:
    site = start_nginx(with_uwsgi=False)
    answers = {
        404: ask(site.port, "/static/nothing.css"),
        413: ask(site.port, "/", "POST", body="x" * 65 * 1024, **FORM),
        503: ask(site.port, "/"),
        405: ask(site.port, "/static/site.css", "POST"),
        400: ask(site.port, "/", Cookie="x" * 9000),
    }
    for code, answer in answers.items():
        assert (answer.status, 'button" href="/">' in answer.text, "nginx" in answer.text) == (code, True, False)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Server"] == "nginx"
    assert answers[503].headers["Retry-After"] == "10"
    for answer in [*answers.values(), ask(site.port, "/static/site.css"), ask(site.port, "/static/nothing.css")]:
        assert {name: answer.headers.get_all(name) for name in HEADERS} == {name: [HEADERS[name]] for name in HEADERS}
        assert len(answer.headers.get_all("X-Request-ID")) == 1
    assert ask(site.port, "/_errors/503.html").status == 404


def test_static_files_can_be_kept_for_a_year_with_a_version_only(start_nginx: Callable[..., Any]) -> None:
    site = start_nginx()
    page = (site.folder.parent / "static" / "errors" / "404.html").read_text()
    version = re.search(r"site\.css(\?v=[0-9a-f]{12})", page)[1]
    hour, year = "public, max-age=3600", "public, max-age=31536000, immutable"
    for query, caching in (
        (version, year),
        ("", hour),
        ("?v=", hour),
        (f"{version}0", hour),
        ("?w=0123456789ab", hour),
    ):
        plain = ask(site.port, f"/static/site.css{query}")
        packed = ask(site.port, f"/static/site.css{query}", Accept_Encoding="gzip")
        assert (plain.status, plain.headers.get_all("Cache-Control")) == (200, [caching])
        assert packed.headers["Content-Encoding"] == "gzip"
        assert len(packed.text) < len(plain.text)


CHUNKED = "Transfer-Encoding: chunked"
SMUGGLED = {
    "two lengths": "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length and chunks": "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\n" + CHUNKED + "\r\n\r\n0\r\n\r\n",
    "unknown encoding": "POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": "POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "signed length": "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: +4\r\n\r\nabcd",
    "two hosts": "GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n",
    "null byte": "GET /\0 HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "above the root": "GET /static/../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "TRACE": "TRACE / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
    "many headers": "GET / HTTP/1.1\r\nHost: {host}\r\n" + "X-A: " + "a" * 8000 + "\r\n" + "X-B: b\r\n" * 9000 + "\r\n",
}


@pytest.mark.requirement(44)
@pytest.mark.parametrize("request_text", SMUGGLED.values(), ids=SMUGGLED)
def test_what_two_servers_could_read_differently_is_refused(start_nginx: Callable[..., Any], request_text: str) -> None:
    site = start_nginx()
    answer = send_raw(site.port, request_text.replace("{host}", HOST))
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 405", b"HTTP/1.1 501"))
    assert answer.count(b"HTTP/1.1") == 1
    assert b"Content-Security-Policy" in answer


def test_a_form_goes_on_to_the_next_address_only_if_it_was_not_sent(start_nginx: Callable[..., Any]) -> None:
    port = free_port()
    with served(NameServer(port, "127.0.0.4", "127.0.0.5")):
        site = start_nginx(with_uwsgi=False, NGINX_WEB="web", NGINX_RESOLVER=f"{HOST}:{port}")
        with served(Echo("127.0.0.4", site.forms)):
            assert {ask(site.port, "/", "POST").status for _ in range(4)} == {200}
        breaking = [Echo(host, site.forms, breaks=True) for host in ("127.0.0.4", "127.0.0.5")]
        with served(breaking[0]), served(breaking[1]):
            assert ask(site.port, "/", "POST").status == 503
        assert sum(len(echo.seen) for echo in breaking) == 1


def test_a_release_sends_visitors_elsewhere_by_one_file(start_nginx: Callable[..., Any]) -> None:
    site = start_nginx()
    (site.folder / "web.d").mkdir()
    (site.folder / "web.d/web.conf").write_text("set $web 127.0.0.4;\n")
    assert ask(site.port, "/").status == 200  # it would miss a signal before that
    with served(Echo("127.0.0.4", site.pages)) as other:
        site.nginx.popen.send_signal(1)  # SIGHUP, as `nginx -s reload`
        wait_until(lambda: ask(site.port, "/").status == 200 and other.seen, 30, "visitors at the other address")
