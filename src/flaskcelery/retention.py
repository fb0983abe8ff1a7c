"""Retention: functions that delete old rows in batches, called in each pass of the relay."""

from collections.abc import Callable

DAY = 86400  # seconds
PURGED_PER_PASS = 1000

Purge = Callable[[], int]
PURGES: list[Purge] = []


def purge(function: Purge) -> Purge:
    """Register a function that deletes at most PURGED_PER_PASS rows and returns how many."""
    PURGES.append(function)
    return function


def purge_some() -> int:
    """Delete one batch of each kind; return how many rows were deleted."""
    return sum(function() for function in PURGES)
