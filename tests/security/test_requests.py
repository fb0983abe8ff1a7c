"""Requirements that a visitor can try from outside: through nginx and uWSGI. The number is the requirement's."""

import re
import socket
from urllib.parse import quote

import pytest

from tests.integration.stack import Stack
from tests.integration.visitor import LOG_IN, PASSWORD, SIGN_UP, Visitor
from tests.processes import HOST

PAGES = ("/", LOG_IN, SIGN_UP, "/nowhere", "/static/nowhere")


def speak(stack: Stack, request: bytes) -> bytes:
    """Send raw bytes to nginx; return the beginning of the answer."""
    with socket.create_connection((HOST, stack.port), timeout=10) as connection:
        connection.sendall(request.replace(b"HOST", f"{HOST}:{stack.port}".encode()))
        return connection.recv(4096)


@pytest.mark.requirement(7)
def test_every_failed_log_in_has_the_same_answer(visitor: Visitor) -> None:
    answers = [visitor.log_in("alice@example.com", "wrong password"), visitor.log_in("nobody@example.com", PASSWORD)]
    bodies = {re.sub(r'value="[^"]*"', "", answer.text) for answer in answers}
    assert len(bodies) == 1
    assert {answer.status for answer in answers} == {200}
    ignored = {"Date", "X-Request-ID", "Set-Cookie", "Content-Length", "ETag"}
    assert len({tuple(name for name in answer.headers if name not in ignored) for answer in answers}) == 1


@pytest.mark.requirement(17, 18)
def test_a_session_is_new_at_log_in_and_dead_after_log_out(stack: Stack, visitor: Visitor) -> None:
    visitor.get(LOG_IN)
    before = dict(visitor.cookies)
    visitor.log_in("alice@example.com")
    assert visitor.is_logged_in()
    assert not stack.visitor(before).is_logged_in()
    thief = stack.visitor(visitor.cookies)
    assert thief.is_logged_in()
    visitor.log_out()
    assert not thief.is_logged_in()


@pytest.mark.requirement(22, 23, 25)
def test_cookies_and_pages_carry_their_flags(visitor: Visitor) -> None:
    for path in PAGES:
        answer = visitor.get(path)
        for name, value in answer.headers.items():
            if name == "Set-Cookie":
                assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(value.split("; "))
                assert len(value) < 4096
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert all(f"{name} 'none'" in policy for name in ("object-src", "base-uri", "frame-ancestors"))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "charset=utf-8" in answer.headers["Content-Type"] or answer.status == 404


@pytest.mark.requirement(26)
def test_no_state_changes_without_a_form_of_ours(stack: Stack, visitor: Visitor) -> None:
    assert visitor.get("/accounts/logout/").status == 405
    visitor.log_in("alice@example.com")
    for path in (SIGN_UP, LOG_IN, "/accounts/logout/"):
        visitor.token = ""
        assert visitor.post(path).status == 400
        visitor.headers = {"Origin": "https://evil.example"}
        visitor.get("/")
        assert visitor.post(path).status == 403
        visitor.headers = {"Sec-Fetch-Site": "cross-site"}
        assert visitor.post(path).status == 403
        visitor.headers = {}
    assert visitor.is_logged_in()


@pytest.mark.requirement(28)
@pytest.mark.parametrize(
    "target",
    [
        "//e",
        "/\\e",
        "\\\\e",
        "///e",
        "https:e",
        "/\t/e",
        "/%5ce",
        "%2f%2fe",
        "/\r\nX: y",
        "javascript:1",
        "/" + "x" * 3000,
    ],
)
def test_a_redirect_stays_on_this_site(visitor: Visitor, target: str) -> None:
    visitor.get(LOG_IN)
    fields = {"username": "alice@example.com", "password": PASSWORD, "next": target}
    answer = visitor.post(f"{LOG_IN}?next={quote(target)}", **fields)
    assert answer.status == 302
    assert answer.headers["Location"] in {"/", "/%5ce", "/%255ce"}  # paths of ours, all
    assert "X" not in answer.headers


@pytest.mark.requirement(30)
def test_fields_that_no_form_has_are_ignored(stack: Stack, visitor: Visitor) -> None:
    visitor.get(SIGN_UP)
    extra = {"is_staff": "1", "is_active": "0", "id": "77", "email_confirmed_at": "2026-01-01", "password_hash": "x"}
    fields = {"username": "mallory", "email": "mallory@example.com", "password1": PASSWORD, "password2": PASSWORD}
    assert visitor.post(SIGN_UP, **fields, **extra).status == 302
    columns = "is_staff, is_active, id = 77, email_confirmed_at, password_hash = 'x'"
    assert stack.query(f"SELECT {columns} FROM users WHERE username = 'mallory'") == [(0, 1, 0, None, 0)]


@pytest.mark.requirement(36, 41)
@pytest.mark.parametrize("text", ["%00", "%FF", "%ED%A0%80", "%0d%0aX-Injected:%20y", "%C0%AF", "..%2f..%2fetc"])
def test_bytes_that_are_no_text_are_never_a_fault_of_ours(stack: Stack, text: str) -> None:
    raw = text.encode()
    form = b"username=" + raw + b"&email=" + raw
    requests = [
        b"GET /" + raw + b" HTTP/1.0\r\nHost: HOST\r\n\r\n",
        b"GET /accounts/login/?next=" + raw + b" HTTP/1.0\r\nHost: HOST\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: HOST\r\nCookie: session=" + raw + b"; remember_token=1|\xe9\r\n\r\n",
        b"POST /accounts/signup/ HTTP/1.0\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(form), form),
    ]
    for request in requests:
        answer = speak(stack, request)
        assert re.match(rb"HTTP/1.1 [234]", answer), (request, answer)
        assert b"X-Injected" not in answer.partition(b"\r\n\r\n")[0]


@pytest.mark.requirement(42)
@pytest.mark.parametrize("cookie", ["é", "x" * 3000, "a.b.c", "", "{}", "null"])
def test_a_bad_cookie_is_no_cookie(visitor: Visitor, cookie: str) -> None:
    visitor.headers = {"Cookie": f"session={quote(cookie)}; session=2; remember_token=1|{quote(cookie)}"}
    assert visitor.get("/").status == 200


@pytest.mark.requirement(44)
@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: xchunked",
    ],
)
def test_ambiguous_lengths_are_refused(stack: Stack, headers: bytes) -> None:
    answer = speak(stack, b"POST / HTTP/1.1\r\nHost: HOST\r\n" + headers + b"\r\n\r\n0\r\n\r\n")
    assert re.match(rb"HTTP/1.1 (400|501)", answer)


@pytest.mark.requirement(45)
def test_nothing_but_pages_is_served_and_no_version_told(stack: Stack, visitor: Visitor) -> None:
    for path in ("/.git/config", "/.env", "/static/../wsgi.py", "/static/..%2f..%2fapp.py", "/static../app.py"):
        assert visitor.get(path).status in {400, 403, 404}
    for method in (b"TRACE", b"PUT", b"DELETE", b"CONNECT"):
        assert re.match(rb"HTTP/1.1 4\d\d", speak(stack, method + b" / HTTP/1.0\r\nHost: HOST\r\n\r\n"))
    assert visitor.get("/").headers["Server"] == "nginx"
