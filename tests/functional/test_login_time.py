"""A failed login does the same work for every account, so that its time reveals nothing; no login waits for Redis."""

import hashlib
from collections import Counter
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.database import db, transaction
from flaskcelery.users.models import User
from flaskcelery.users.names import make_names
from flaskcelery.web.counters import Counters
from tests.conftest import Browser, close, run_sql
from tests.functional.conftest import Member
from tests.functional.test_new_device import browser, notices

FAILURE = "Please enter a correct email and password."


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return what is counted of each kind of hash that is computed."""
    counts: Counter[str] = Counter()
    verify, pbkdf2 = PasswordHasher.verify, hashlib.pbkdf2_hmac

    def count_argon2(*args: Any) -> bool:
        counts["argon2"] += 1
        return verify(*args)

    def count_pbkdf2(name: str, password: bytes, salt: bytes, rounds: int) -> bytes:
        counts["rounds"] += rounds
        return pbkdf2(name, password, salt, rounds)

    monkeypatch.setattr(PasswordHasher, "verify", count_argon2)
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", count_pbkdf2)
    return counts


@pytest.mark.requirement(8)
@pytest.mark.parametrize("slowest", [0, 3000])
def test_every_failure_costs_the_work_of_the_slowest_hash(
    auth: Browser, app: Flask, work: Counter[str], slowest: int
) -> None:
    auth.sign_up()
    with app.app_context(), transaction():
        for rounds in range(1000, slowest + 1, 1000):
            names = make_names(f"import{rounds}", f"import{rounds}@example.com")
            db.session.add(User(**names, password_hash=f"pbkdf2_sha256${rounds}$salt${'A' * 43}="))
    emails = ["alice@example.com", "nobody@example.com", "no address at all", "import1000@example.com"]
    for email in [*emails, "import3000@example.com"]:
        work.clear()
        assert FAILURE in auth.log_in(email, "wrong password").text
        assert work == Counter(argon2=1, rounds=slowest), email
    run_sql(app, "UPDATE users SET is_active = 0")
    work.clear()
    assert FAILURE in auth.log_in().text  # with the right password
    assert work == Counter(argon2=1, rounds=slowest)


@pytest.mark.requirement(8)
def test_failures_cost_the_same_after_the_parameters_of_argon2_changed(
    auth: Browser, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    auth.sign_up()
    app = create_app({**environ, "ARGON2_PARAMETERS": "m=16,t=3,p=1"})
    visitor = Browser(app.test_client())
    visitor.sign_up("bob", "bob@example.com")
    verify, work = PasswordHasher.verify, []

    def note_parameters(hasher: PasswordHasher, password_hash: str, password: bytes) -> bool:
        work.append(extract_parameters(password_hash).time_cost)
        return verify(hasher, password_hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", note_parameters)
    for email in ("alice@example.com", "bob@example.com", "nobody@example.com"):
        work.clear()
        assert FAILURE in visitor.log_in(email, "wrong password").text
        assert sorted(work) == [1, 3], email
    assert visitor.log_in().status_code == 302
    close(app)


@pytest.mark.requirement(9)
def test_where_sign_up_tells_nothing_the_right_password_of_an_unconfirmed_account_costs_no_less(
    app: Flask, auth: Browser, work: Counter[str]
) -> None:
    auth.sign_up()
    with app.app_context(), transaction():
        db.session.add(
            User(**make_names("bob", "bob@example.com"), password_hash=f"pbkdf2_sha256$3000$salt${'A' * 43}=")
        )
    app.config.update(EMAIL_CONFIRMATION_REQUIRED=True, SIGN_UP_REVEALS_EMAIL=False)
    for email in ("alice@example.com", "nobody@example.com"):
        work.clear()
        assert FAILURE in auth.log_in(email).text
        assert work == Counter(argon2=1, rounds=3000), email
    details = run_sql(app, "SELECT detail FROM audit_events WHERE event = 'failed login' ORDER BY id")
    assert details == [("email not confirmed",), ("",)]


def test_no_transaction_of_a_login_waits_for_redis(counting_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    Member(counting_app, "alice")
    run_sql(counting_app, "UPDATE users SET email_confirmed_at = joined_at")
    counters, waits = counting_app.extensions["limits"], []

    def add(*args: Any) -> tuple[int, int]:
        waits.append(db.session().in_transaction())
        return Counters.add(counters, *args)

    monkeypatch.setattr(counters, "add", add)
    browser(counting_app).log_in()
    assert len(notices(counting_app)) == 1
    assert waits
    assert not any(waits)
