"""Bots at the sign-up form open no account, and are told nothing."""

from __future__ import annotations

import re
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flaskcelery.signup.forms import HINTS, MIN_SECONDS
from tests.conftest import PASSWORD, Browser, run_sql
from tests.pages import errors_of

SIGN_UP = "/accounts/signup/"
TYPED = {"username": "alice", "email": "alice@example.com", "password1": PASSWORD, "password2": PASSWORD}


def hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden fields of a form, as a bot copies them."""
    return dict(re.findall(r'<input[^>]* name="(\w+)" type="hidden" value="([^"]*)"', page))


def send(client: FlaskClient, page: str, **fields: str) -> TestResponse:
    """Send the form of a page with all its hidden fields."""
    return client.post(SIGN_UP, data={**hidden_fields(page), **TYPED, **fields})


def wait(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let so much time pass at once."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + seconds)


def count_users(app: Flask) -> int:
    return int(run_sql(app, "SELECT count(*) FROM users")[0][0])


@pytest.mark.requirement(92)
@pytest.mark.parametrize(("sign", "seconds", "homepage"), [("too fast", 0, ""), ("hidden field", 9, "https://spam")])
def test_a_bot_gets_the_answer_of_a_success_and_is_counted(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, sign: str, seconds: float, homepage: str
) -> None:
    app = client.application
    page = client.get(SIGN_UP).text
    wait(monkeypatch, seconds)
    bot = send(client, page, homepage=homepage)
    assert count_users(app) == 0
    assert run_sql(app, "SELECT count(*) FROM outbox") == [(0,)]
    person = Browser(app.test_client()).sign_up()
    assert (bot.status_code, bot.location, bot.text) == (person.status_code, person.location, person.text)
    assert "Account successfully created!" in client.get(bot.location).text
    assert f'flaskcelery_bots_total{{sign="{sign}"}} 1.0' in client.get("/metrics").text


def test_the_log_tells_developers_how_their_scripts_pass(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "flaskcelery.signup.forms")
    page = client.get(SIGN_UP).text
    send(client, page)
    send(client, page, homepage="https://spam")
    assert re.findall("To pass, (.*)[.]", caplog.text) == [HINTS["too fast"], HINTS["hidden field"]]


@pytest.mark.requirement(92)
def test_a_person_who_takes_as_long_as_a_person_signs_up(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = client.get(SIGN_UP).text
    wait(monkeypatch, MIN_SECONDS)
    send(client, page)
    assert count_users(app) == 1


def test_a_form_that_is_sent_again_after_an_error_counts_from_its_first_look(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = client.get(SIGN_UP).text
    wait(monkeypatch, MIN_SECONDS)
    page = send(client, page, email="nonsense").text
    assert errors_of(page, "email") != []
    send(client, page)
    assert count_users(app) == 1


def test_a_form_from_before_an_update_or_with_an_earlier_key_signs_up(app: Flask, auth: Browser) -> None:
    auth.sign_up()  # without the field
    auth.sign_up("bob", "bob@example.com", opened="of another key")
    assert count_users(app) == 2


@pytest.mark.requirement(92)
def test_nobody_sees_reaches_or_fills_in_the_field_by_mistake(client: FlaskClient) -> None:
    page = client.get(SIGN_UP).text
    [(field, label)] = re.findall(r"<div hidden><label[^>]*>(.*?)</label> (<input[^>]*>)</div>", page)
    assert field == "Leave this field empty"
    for attribute in ('autocomplete="off"', 'tabindex="-1"', 'type="text"', 'value=""'):
        assert attribute in label
