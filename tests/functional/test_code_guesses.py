"""Guessing codes: few tries for one client, and few for all clients together."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.users.two_factor import CODES_AN_HOUR
from flaskcelery.web.rate_limits import LIMITS
from tests.authenticator import Authenticator
from tests.conftest import Browser, run_sql, send_emails
from tests.functional.conftest import AGO
from tests.functional.two_factor import CODE, RECOVERY, SET_UP_AT_LOGIN, Person, forget_step, send_code, set_up

PER_ACCOUNT, FROM_EVERYWHERE = LIMITS["enter_code"].by_account[0], LIMITS["enter_code"].by_everyone[0]


def guess(person: Person, path: str, codes: list[str]) -> list[int]:
    """Send these codes; return the statuses."""
    return [person.send(path, code=code).status_code for code in codes]


@pytest.mark.requirement(76)
@pytest.mark.parametrize("path", [CODE, RECOVERY])
def test_one_client_has_few_guesses(counting_app: Flask, path: str) -> None:
    alice = Person(counting_app)
    alice.begin()
    wrong = alice.app.wrong_code()
    assert guess(alice, path, [wrong] * (PER_ACCOUNT + 1)) == [200] * PER_ACCOUNT + [429]
    alice.begin()  # the password buys no more
    assert guess(alice, path, [wrong]) == [429]


@pytest.mark.requirement(76)
def test_many_clients_have_few_guesses_and_lock_nobody_out_of_recovery_codes(counting_app: Flask) -> None:
    alice = Person(counting_app)
    alice.begin()
    wrong, answers = alice.app.wrong_code(), []
    for number in range(FROM_EVERYWHERE + 2):
        alice.client.environ_base["REMOTE_ADDR"] = f"2001:db8:{number:x}::1"  # an owner of many networks
        answers += guess(alice, CODE, [wrong])
    assert answers == [200] * FROM_EVERYWHERE + [429] * 2
    assert guess(alice, CODE, [alice.app.code()]) == [429]
    assert guess(alice, RECOVERY, [wrong, alice.codes[0]]) == [200, 302]
    assert alice.is_logged_in()


@pytest.mark.requirement(76)
def test_somebody_who_has_only_the_password_locks_nobody_out_of_the_set_up(counting_app: Flask) -> None:
    counting_app.config["REQUIRE_TOTP"] = "all"
    owner, thief = Browser(counting_app.test_client()), Browser(counting_app.test_client())
    owner.sign_up()
    for number in range(FROM_EVERYWHERE // PER_ACCOUNT):
        thief.client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number + 1}"
        thief.log_in()
        page = thief.client.get(SET_UP_AT_LOGIN).text
        for _ in range(PER_ACCOUNT):
            assert send_code(thief, SET_UP_AT_LOGIN, page, Authenticator(page).wrong_code()).status_code == 200
    owner.log_in()
    set_up(owner, SET_UP_AT_LOGIN)


@pytest.mark.requirement(37)
def test_recovery_codes_send_their_owner_few_emails(app: Flask) -> None:
    alice = Person(app)
    send_emails(app)
    for code in alice.codes[:CODES_AN_HOUR]:
        alice.begin()
        assert guess(alice, RECOVERY, [code]) == [302]
        alice.log_out()
    alice.begin()
    assert "Please wait" in alice.send(RECOVERY, code=alice.codes[CODES_AN_HOUR]).text
    assert len(send_emails(app)) == CODES_AN_HOUR
    run_sql(app, f"UPDATE audit_events SET at = {AGO.format('1 hours')}")
    assert guess(alice, RECOVERY, [alice.codes[CODES_AN_HOUR]]) == [302]


@pytest.mark.requirement(76)
def test_a_right_code_forgives_the_owners_wrong_ones(counting_app: Flask) -> None:
    alice = Person(counting_app)
    for _ in range(3):
        alice.begin()
        assert guess(alice, CODE, [alice.app.wrong_code()] * (PER_ACCOUNT - 1)) == [200] * (PER_ACCOUNT - 1)
        assert guess(alice, CODE, [alice.app.code()]) == [302]
        alice.log_out()
        forget_step(counting_app)


@pytest.mark.requirement(76)
def test_somebody_who_has_only_the_password_does_not_use_up_the_owners_logins(counting_app: Flask) -> None:
    alice = Person(counting_app)
    alice.client.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    most = LIMITS["log_in"].by_member[0]
    assert [alice.log_in(alice.email).status_code for _ in range(most + 1)] == [302] * most + [429]
    alice.client.environ_base["REMOTE_ADDR"] = "192.0.2.2"
    alice.begin()
    assert guess(alice, RECOVERY, [alice.codes[0]]) == [302]
