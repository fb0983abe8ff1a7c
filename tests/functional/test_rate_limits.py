"""Too many attempts are answered with 429; an attacker cannot keep the owner out."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from werkzeug.exceptions import TooManyRequests

from flaskcelery.web import rate_limits as limits
from flaskcelery.web.counters import Counters
from flaskcelery.web.rate_limits import EMAILS_TO_ONE_RECIPIENT, LIMITS, Limit, attempt, limit, take_email_quota
from tests.conftest import Browser, MakeApp, close
from tests.processes import wait_until

ATTACKER = "192.0.2.66"
PER_ACCOUNT, WINDOW = LIMITS["log_in"].by_account or (0, 0)
PER_CLIENT = LIMITS["log_in"].by_client[0]


@pytest.fixture
def app(counting_app: Flask) -> Flask:
    return counting_app


def browser_at(app: Flask, address: str) -> Browser:
    """Return the browser of somebody at this address."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return Browser(client)


@pytest.fixture
def attacker(app: Flask, auth: Browser) -> Browser:
    """Return the browser of somebody who has used up the tries at alice's account."""
    auth.sign_up()
    attacker = browser_at(app, ATTACKER)
    for _ in range(PER_ACCOUNT):
        assert attacker.log_in(password="wrong password").status_code == 200
    return attacker


@pytest.mark.defect("D17")
def test_too_many_wrong_passwords_are_refused_even_a_right_one_then(attacker: Browser) -> None:
    answer = attacker.log_in()
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text
    assert WINDOW - 5 <= int(answer.headers["Retry-After"]) <= WINDOW
    assert not attacker.is_logged_in()


def test_the_owner_logs_in_from_another_address_meanwhile(attacker: Browser, auth: Browser) -> None:
    assert auth.log_in().status_code == 302
    assert auth.is_logged_in()


@pytest.mark.parametrize("email", ["ALICE@EXAMPLE.COM", " alice@example.com ", "alice@EXAMPLE．com"])
def test_another_spelling_of_the_address_is_the_same_account(attacker: Browser, email: str) -> None:
    assert attacker.log_in(email=email).status_code == 429


@pytest.mark.requirement(14)
@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_headers_that_name_another_address_are_not_believed(attacker: Browser, header: str) -> None:
    attacker.client.environ_base[f"HTTP_{header.upper().replace('-', '_')}"] = "198.51.100.7"
    assert attacker.log_in().status_code == 429


def test_a_client_is_limited_over_all_accounts(app: Flask, auth: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.LIMITS, "log_in", Limit((3, 60), (2, 60)))
    answers = [auth.log_in(email=f"user{number}@example.com").status_code for number in range(4)]
    assert answers == [200, 200, 200, 429]


def test_pages_are_never_counted_and_others_stay_open(attacker: Browser) -> None:
    assert attacker.log_in().status_code == 429
    for path in ("/", "/accounts/login/", "/accounts/signup/", "/healthz"):
        assert {attacker.client.get(path).status_code for _ in range(3)} == {200}
    assert attacker.sign_up("bob", "bob@example.com").status_code == 302


def test_only_failures_count_at_log_in(auth: Browser) -> None:
    auth.sign_up()
    for _ in range(2):
        for _ in range(PER_ACCOUNT - 1):  # in a row
            assert auth.log_in(password="wrong password").status_code == 200
        assert auth.log_in().status_code == 302
    answers = [auth.log_in().status_code for _ in range(PER_ACCOUNT + 2)]
    assert set(answers[1:]) <= {302}


@pytest.mark.requirement(11)
def test_an_invalid_form_does_not_count(app: Flask, auth: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    add = Counters.add
    monkeypatch.setattr(Counters, "add", lambda self, steps: counted.extend(s.key for s in steps) or add(self, steps))
    for number in range(3):
        assert auth.log_in(email=f"user{number}@example.com", password="").status_code == 200
    assert counted == []
    assert auth.log_in(password="wrong password").status_code == 200
    assert len(counted) == len(set(counted)) == 2  # once by the client, once by the account


def test_an_own_account_does_not_buy_tries_at_another(app: Flask, attacker: Browser) -> None:
    attacker.sign_up("mallory", "mallory@example.com")
    for _ in range(3):
        assert attacker.log_in(email="mallory@example.com").status_code == 302
        assert attacker.log_in().status_code == 429


def test_sign_ups_count_whether_they_succeed_or_not(auth: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.LIMITS, "sign_up", Limit((3, 60)))
    answers = [auth.sign_up(f"user{n % 2}", f"user{n % 2}@example.com").status_code for n in range(4)]
    assert answers == [302, 302, 200, 429]


def test_the_addresses_of_one_ipv6_network_are_one_client(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    answers = [
        browser_at(app, f"2001:db8::{n:x}").log_in(password="wrong password").status_code
        for n in range(PER_ACCOUNT + 1)
    ]
    assert answers[-1] == 429
    assert browser_at(app, "2001:db8:0:1::1").log_in().status_code == 302


@pytest.mark.requirement(72)
def test_the_networks_of_one_ipv6_owner_are_four_clients(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    answers = [
        browser_at(app, f"2001:db8:0:{n // PER_ACCOUNT:x}::1").log_in(password="wrong password").status_code
        for n in range(4 * PER_ACCOUNT + 1)
    ]
    assert (answers[-2], answers[-1]) == (200, 429)
    assert browser_at(app, "2001:db8:0:ffff::1").log_in().status_code == 429
    assert browser_at(app, "2001:db8:1::1").log_in().status_code == 302


def test_a_block_ends_by_itself(app: Flask, auth: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    auth.sign_up()
    monkeypatch.setitem(limits.LIMITS, "log_in", Limit((100, 60), (1, 1)))
    auth.log_in(password="wrong password")
    answer = auth.log_in()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    wait_until(lambda: auth.log_in().status_code == 302, 5, "the block has ended")
    assert auth.is_logged_in()


def test_a_block_is_logged_once(attacker: Browser, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        attacker.log_in()
    lines = [record.getMessage() for record in caplog.records if "Too many attempts" in record.getMessage()]
    assert len(lines) == 1
    assert re.match(f"Too many attempts: log_in by account from {ATTACKER}, blocked for 9\\d\\d s|.* 89\\d s", lines[0])


def test_a_view_names_an_account_exactly_where_the_table_limits_by_it() -> None:
    with pytest.raises(TypeError, match="log_in is limited by account"):
        limit("log_in")
    with pytest.raises(TypeError, match="sign_up is not limited by account"), attempt("sign_up", account=1):
        pass


def test_a_view_that_also_shows_its_form_counts_only_what_is_sent(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "sign_up", Limit((2, 60)))
    view = limit("sign_up")(lambda: "shown")
    for method in ["GET"] * 5 + ["POST"] * 2 + ["GET", "HEAD"]:
        with app.test_request_context(method=method):
            assert view() == "shown"
    with app.test_request_context(method="POST"), pytest.raises(TooManyRequests):
        view()


def test_an_account_and_an_email_have_quotas_of_their_own(app: Flask) -> None:
    with app.app_context():
        for recipient in (42, "42@", "42@example.com"):
            is_within = [take_email_quota("reset", recipient) for _ in range(EMAILS_TO_ONE_RECIPIENT[0] + 1)]
            assert is_within == [True] * EMAILS_TO_ONE_RECIPIENT[0] + [False]


def test_the_switch_turns_counting_off(make_app: MakeApp) -> None:
    app = make_app()
    browser = Browser(app.test_client())
    assert {browser.log_in().status_code for _ in range(PER_CLIENT + 1)} == {200}
    with app.app_context():
        assert all(take_email_quota("reset", "alice@example.com") for _ in range(EMAILS_TO_ONE_RECIPIENT[0] + 1))
    close(app)
