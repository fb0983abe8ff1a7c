"""Many people at once want the same account; the database lets one of them have it."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.stack import Stack
from tests.integration.visitor import SIGN_UP, Answer, Visitor
from tests.servers import SmtpServer

ROUNDS = int(os.environ.get("RACE_ROUNDS", "20"))
RIVALS = 50
EMAIL_TAKEN = "This email already has an account."


@pytest.mark.requirement(33)
@pytest.mark.defect("D2")
@pytest.mark.parametrize(("database", "broker"), [("sqlite", "embedded"), ("postgres", "redis")])
def test_simultaneous_sign_ups_with_one_email_make_one_account(
    make_stack: Callable[..., Stack], smtp_server: SmtpServer, database: str, broker: str, record: Callable[[str], None]
) -> None:
    """One redirect, 49 polite errors, one user, one outbox row and one email in every round."""
    stack = make_stack(broker, database).start_all()
    rivals = [stack.visitor() for _ in range(RIVALS)]
    slowest = 0.0
    with ThreadPoolExecutor(RIVALS) as pool:
        list(pool.map(lambda rival: rival.get(SIGN_UP), rivals))
        for round_number in range(ROUNDS):
            email = f"Prize{round_number}@example.com"
            answers = race(pool, rivals, email)
            assert sorted(answer.status for answer in answers) == [200] * (RIVALS - 1) + [302]
            assert sum(EMAIL_TAKEN in answer.text for answer in answers) == RIVALS - 1
            assert stack.count(f"users WHERE email_key = '{email.lower()}'") == 1
            assert stack.count("users") == stack.count("outbox") == round_number + 1
            slowest = max(slowest, *(answer.seconds for answer in answers))

    smtp_server.wait_for(ROUNDS)
    received = [address.lower() for address in smtp_server.recipients()]
    assert sorted(received) == sorted(f"prize{number}@example.com" for number in range(ROUNDS))
    record(f"{ROUNDS} rounds of {RIVALS} rivals, slowest answer {slowest:.2f} s")


def race(pool: ThreadPoolExecutor, rivals: list[Visitor], email: str) -> list[Answer]:
    """Let everybody sign up at one moment, each with a name and a spelling of their own."""
    line = threading.Barrier(RIVALS)

    def sign_up(number: int) -> Answer:
        spelling = "".join(c.upper() if number >> place & 1 else c.lower() for place, c in enumerate(email))
        name = f"{email.partition('@')[0]}rival{number}"
        line.wait()
        return rivals[number].sign_up(name, spelling)

    return list(pool.map(sign_up, range(RIVALS)))
