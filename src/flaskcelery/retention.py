"""What is kept for a time only: functions that delete some of it, called by the relay again and again."""

from collections.abc import Callable

DAY = 86400  # seconds
PURGED_PER_PASS = 1000

Purge = Callable[[], int]
PURGES: list[Purge] = []


def purge(function: Purge) -> Purge:
    """Have the relay call this function, which deletes at most PURGED_PER_PASS rows and returns how many."""
    PURGES.append(function)
    return function


def purge_some() -> int:
    """Call each of them once; return how many rows were deleted."""
    return sum(function() for function in PURGES)
