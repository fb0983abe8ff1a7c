"""What is too large, malformed or broken gets a page of ours that shows nothing of the logged_in."""

from __future__ import annotations

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.exceptions import TooManyRequests
from werkzeug.test import TestResponse

from flaskcelery.database import db
from flaskcelery.users.models import User
from tests.conftest import Browser, MakeApp
from tests.functional.conftest import Member

HOME = 'button" href="/">'
SECRET = "s3cret-within"
FORM = "application/x-www-form-urlencoded"
TITLES = {
    400: "Bad request",
    403: "Not allowed",
    404: "Page not found",
    405: "Not possible",
    413: "Too much data",
    429: "Too many attempts",
    500: "Something went wrong",
    503: "Back in a moment",
    418: "Bad request",
    502: "Something went wrong",
}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """Return an application with pages that fail in every way; as no other test has its name, none shares it."""
    app = make_app(SITE_NAME="Failing")
    if "fail" not in app.view_functions:
        add_pages(app)
    return app


@pytest.fixture
def failing(app: Flask) -> FlaskClient:
    """Return a browser at that application."""
    return app.test_client()


def add_pages(app: Flask) -> None:
    @app.route("/fail/<int:code>")
    def fail(code: int) -> None:
        abort(code, SECRET)

    @app.route("/crash")
    def crash() -> None:
        raise RuntimeError(SECRET)

    @app.route("/slow-down")
    def slow_down() -> None:
        raise TooManyRequests(SECRET, retry_after=7)

    @app.route("/forget-to-save/<int:code>")
    def forget_to_save(code: int) -> tuple[str, int]:
        db.session.add(User(username=SECRET))
        return "Your account is saved.", code

    @app.route("/database/<statement>")
    def break_database(statement: str) -> None:
        db.session.execute(text(statement))


def assert_own_page(response: TestResponse, code: int) -> None:
    """Check that the response is our page for `code`, with its headers and nothing of the logged_in."""
    assert (response.status_code, f"<h1>{TITLES[code]}</h1>" in response.text) == (code, True)
    assert HOME in response.text
    for logged_in in (SECRET, "Traceback", "RuntimeError", "sqlite", "Werkzeug", "SELECT", "/src/"):
        assert logged_in not in response.text
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("code", TITLES)
def test_every_error_has_our_page(failing: FlaskClient, code: int) -> None:
    assert_own_page(failing.get(f"/fail/{code}"), code)


def test_a_page_that_tells_of_a_change_which_nothing_commits_is_an_error(
    failing: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert_own_page(failing.get("/forget-to-save/200"), 500)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "make them inside transaction()" in str(caplog.records[0].exc_info)
    assert failing.get("/forget-to-save/409").status_code == 409  # it refused them itself


@pytest.mark.requirement(46)
def test_a_crash_has_our_page_and_its_cause_is_only_in_the_log(
    failing: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert_own_page(failing.get("/crash"), 500)
    assert SECRET in caplog.text


def test_who_is_too_fast_is_told_when_to_come_back(failing: FlaskClient) -> None:
    response = failing.get("/slow-down")
    assert_own_page(response, 429)
    assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("statement", "code"), [("SELECT * FROM nowhere", 503), ("INSERT INTO users (id) VALUES (1)", 500)]
)
def test_a_database_that_fails_has_our_page(failing: FlaskClient, statement: str, code: int) -> None:
    response = failing.get(f"/database/{statement}")
    assert_own_page(response, code)
    assert response.headers.get("Retry-After") == ("30" if code == 503 else None)


def test_without_a_database_a_logged_in_visitor_sees_our_pages_and_the_log_no_address(
    app: Flask, auth: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    auth.sign_up()
    auth.log_in()
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE users RENAME TO elsewhere"))
    assert_own_page(auth.client.get("/"), 503)
    assert_own_page(auth.client.get("/nope"), 404)
    assert_own_page(auth.client.get("/accounts/login/"), 503)
    assert "A table or column is missing: run make migration" in caplog.text
    assert "no such table" in caplog.text
    assert "alice@example.com" not in caplog.text


@pytest.mark.parametrize("path", ["/admin/", "/admin/users/", "/admin/users/1/"])
def test_without_a_database_an_admin_page_answers_503(app: Flask, staff: Member, path: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE users RENAME TO elsewhere"))
    assert_own_page(staff.client.get(path), 503)


def test_only_in_development_the_page_and_one_line_of_the_log_say_that_a_migration_is_missing(
    failing: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert "migration" not in failing.get("/database/SELECT * FROM nowhere").text
    assert "Traceback" in caplog.text
    caplog.clear()
    monkeypatch.setitem(failing.application.config, "DEBUG", True)
    response = failing.get("/database/SELECT * FROM nowhere")
    assert_own_page(response, 503)
    assert "run make migration if a model changed, then .venv/bin/flask db upgrade" in response.text
    assert "flask db upgrade (no such table: nowhere)" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "path", ["/", "/accounts/signup/", "/accounts/login/", "/accounts/logout/", "/static/site.css", "/nope"]
)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "BREW", "OPTIONS", "HEAD"])
def test_no_method_breaks_a_page(client: FlaskClient, path: str, method: str) -> None:
    with client.open(path, method=method) as response:
        allowed = {"OPTIONS": {200}, "HEAD": {200, 405}}.get(method, {405}) if path != "/nope" else {404}
        assert response.status_code in allowed
        assert response.status_code != 405 or response.headers["Allow"]


@pytest.mark.parametrize("path", ["/accounts/signup/", "/accounts/login/"])
@pytest.mark.parametrize(
    "body",
    [b"username=" + b"a" * 600_000, b"username=" + b"a" * 100_000, b"a=&" * 40_000],
    ids=["600 kB", "100 kB", "fields"],
)
def test_a_large_form_is_refused(client: FlaskClient, path: str, body: bytes) -> None:
    assert_own_page(client.post(path, data=body, content_type=FORM), 413)


@pytest.mark.requirement(40)
@pytest.mark.parametrize("number", [101, 1100])
def test_a_form_of_very_many_parts_is_refused(client: FlaskClient, number: int) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    response = client.post(
        "/accounts/signup/", data=part * number + b"--x--\r\n", content_type="multipart/form-data; boundary=x"
    )
    assert_own_page(response, 413)


NAMELESS = b"--x\r\nContent-Disposition: form-data; a*9=x\r\n\r\nx\r\n--x--\r\n"


@pytest.mark.requirement(41)
@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe\x00", b"username=\xff&\xed\xa0\x80=%", b"--x\r\n\r\n--", b"{" * 1000, NAMELESS]
)
@pytest.mark.parametrize(
    "kind", [FORM, "multipart/form-data", "multipart/form-data; boundary=x", "application/json", "text/plain", "\xff"]
)
def test_a_malformed_body_is_refused(client: FlaskClient, body: bytes, kind: str) -> None:
    for path in ("/accounts/signup/", "/accounts/login/"):
        response = client.post(path, data=body, content_type=kind)
        assert response.status_code == 400
        assert HOME in response.text
