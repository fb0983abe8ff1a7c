"""Many browsers at once use one code of an authenticator app, or one recovery code; the database lets one in."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.authenticator import Authenticator, recovery_codes_in
from tests.integration.stack import Stack
from tests.integration.visitor import PASSWORD, Answer, Visitor

RIVALS = 50
SET_UP = "/accounts/me/two-factor/set-up/"
EMAIL = "alice@example.com"


def set_up(owner: Visitor) -> tuple[Authenticator, list[str]]:
    """Give the account that this visitor is logged in to an authenticator app; return it, and the recovery codes."""
    authenticator = Authenticator(owner.get(SET_UP).text)
    page = owner.post(SET_UP, code=authenticator.code(), password=PASSWORD).text
    return authenticator, recovery_codes_in(page)


def race(stack: Stack, kind: str, code: str) -> list[Answer]:
    """Let browsers that have given the password send the code at one moment."""
    rivals = [stack.visitor() for _ in range(RIVALS)]
    line = threading.Barrier(RIVALS)
    path = f"/accounts/login/{kind}/"

    def begin(rival: Visitor) -> None:
        assert rival.log_in(EMAIL).headers["Location"] == "/accounts/login/code/"
        assert rival.get(path).status == 200

    def finish(rival: Visitor) -> Answer:
        line.wait()
        return rival.post(path, code=code)

    with ThreadPoolExecutor(RIVALS) as pool:
        list(pool.map(begin, rivals))
        return list(pool.map(finish, rivals))


@pytest.mark.requirement(74, 75)
@pytest.mark.parametrize(("database", "broker"), [("sqlite", "embedded"), ("postgres", "redis")])
def test_of_fifty_uses_of_one_code_at_once_exactly_one_logs_in(
    make_stack: Callable[..., Stack], database: str, broker: str
) -> None:
    stack = make_stack(broker, database)
    stack.start_web()
    stack.sign_up("alice")
    owner = stack.visitor()
    owner.log_in(EMAIL)
    authenticator, codes = set_up(owner)
    assert len(codes) == 10
    for kind, code in (("recovery", codes[0]), ("code", authenticator.code(1))):
        locations = [answer.headers["Location"] for answer in race(stack, kind, code)]
        assert locations.count("/") == 1, kind
        assert stack.count("login_sessions") == (2 if kind == "recovery" else 3)
    assert stack.count("recovery_codes") == 9
