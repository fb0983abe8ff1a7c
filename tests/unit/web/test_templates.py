"""Ages in words, in templates."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask

from flaskcelery.database import database_now, db
from flaskcelery.web.templates import ago, describe_age


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=59.9), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=1, seconds=59), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=30), "30 days ago"),
        (timedelta(days=31), "1 month ago"),
        (timedelta(days=61), "2 months ago"),
        (timedelta(days=364), "11 months ago"),
        (timedelta(days=365), "1 year ago"),
        (timedelta(days=730), "2 years ago"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(age: timedelta, words: str) -> None:
    assert describe_age(age) == words


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-59), "just now"),
        (timedelta(minutes=-1), "in 1 minute"),
        (timedelta(hours=-47), "in 1 day"),
        (timedelta(days=-30), "in 30 days"),
        (timedelta(days=-800), "in 2 years"),
    ],
)
def test_a_time_to_come_is_told_likewise(age: timedelta, words: str) -> None:
    assert describe_age(age) == words


@pytest.mark.parametrize("day", [date(2031, 3, 4), datetime(2031, 3, 4, 23, 59, tzinfo=UTC)])
def test_a_day_is_written_in_words(app: Flask, day: date) -> None:
    assert app.jinja_env.from_string("on {{ day | date }}").render(day=day) == "on 4 March 2031"


def test_the_clock_is_the_databases_and_is_read_once_a_request(
    quiet_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = database_now() - timedelta(hours=2)
    assert ago(moment) == "2 hours ago"
    monkeypatch.setattr(db.session, "execute", lambda _: pytest.fail("asked again"))
    assert ago(moment) == "2 hours ago"
