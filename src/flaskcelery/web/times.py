"""Times for people: "2 hours ago", beside the exact time."""

from datetime import datetime, timedelta

from flask import g

from flaskcelery.database import database_now

DAY = timedelta(days=1)
UNITS = {
    "year": DAY * 365,
    "month": DAY * 365 / 12,
    "day": DAY,
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}


def ago(moment: datetime) -> str:
    """Return how far away a moment is, by the database's clock, which is read once a request."""
    if "now" not in g:
        g.now = database_now()
    return describe_age(g.now - moment)


def describe_age(age: timedelta) -> str:
    """Return an age in the largest unit that it fills: "2 hours ago", "just now"; "in 3 days" if it is negative."""
    for unit, length in UNITS.items():
        if count := abs(age) // length:
            text = f"{count} {unit}" if count == 1 else f"{count} {unit}s"
            return f"{text} ago" if age > timedelta() else f"in {text}"
    return "just now"
