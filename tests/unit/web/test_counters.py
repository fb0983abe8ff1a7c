"""The counts of a process, which decide while Redis is away."""

import pytest

from flaskcelery.web import counters
from flaskcelery.web.counters import Counters, Step


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, which a test can change."""
    clock = [1_700_000_000.0]
    monkeypatch.setattr(counters.time, "time", lambda: clock[0])
    return clock


def test_a_count_lasts_from_its_first_step_until_it_expires(clock: list[float]) -> None:
    own = Counters("embedded:", {})
    assert own.add([Step("a", 60, 1, 9)]) == [(1, 60)]
    clock[0] += 20
    assert own.add([Step("a", 60, 1, 9), Step("b", 60, 1, 9)]) == [(2, 40), (1, 60)]
    clock[0] += 40
    assert own.add([Step("a", 60, 1, 9)]) == [(1, 60)]


def test_nothing_is_added_after_too_much_but_everything_is_taken_back() -> None:
    own = Counters("embedded:", {})
    a, b = Step("a", 60, 1, 0), Step("b", 60, 1, 5)
    assert [count for count, _ in own.add([a, b])] == [1]
    assert [count for count, _ in own.add([b, a._replace(amount=2), b])] == [1, 3]
    assert [count for count, _ in own.add([a._replace(amount=-1), b._replace(amount=-1)])] == [2, 0]


def test_taking_back_twice_leaves_no_credit() -> None:
    own, step = Counters("embedded:", {}), Step("a", 60, 1, 9)
    own.add([step])
    own.add([step._replace(amount=-3)])
    assert [count for count, _ in own.add([step])] == [1]


def test_expired_counts_are_forgotten(clock: list[float]) -> None:
    own = Counters("embedded:", {})
    for number in range(5000):
        clock[0] += 1
        own.add([Step(str(number), 60, 1, 9)])
    assert len(own._own) <= 1000
