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
    """Return how long ago this was, by the database's clock, which is read once a request."""
    if "now" not in g:
        g.now = database_now()
    return describe_age(g.now - moment)


def describe_age(age: timedelta) -> str:
    """Return the age in the largest unit that it fills, as "2 hours ago"; "just now" below a minute."""
    for unit, length in UNITS.items():
        if age >= length:
            count = age // length
            return f"{count} {unit} ago" if count == 1 else f"{count} {unit}s ago"
    return "just now"
