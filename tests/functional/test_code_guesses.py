"""Guessing codes: few tries for one client, and few for all clients together."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.web.rate_limits import LIMITS
from tests.functional.two_factor import CODE, RECOVERY, Person, forget_step

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
