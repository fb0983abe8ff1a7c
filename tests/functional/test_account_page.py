"""What the account page and the forms behind it show: states, times, names of buttons, and a way back."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Browser, link_in, run_sql, send_emails
from tests.functional.conftest import AGO, pass_ten_minutes

ME = "/accounts/me/"
PASSWORD_FORMS = ("/accounts/me/email/", "/accounts/me/delete/", "/accounts/password_change/")
DATE = re.compile(r"(?<!\")\b\d\d? [A-Z]\w+ \d{4}")  # in a text
SECTIONS = {
    "/accounts/me/username/": "profile",
    "/accounts/me/email/": "profile",
    "/accounts/password_change/": "profile",
    "/accounts/me/delete/": "delete",
}


def section(browser: Browser, name: str) -> str:
    """Return one card of the account page, its white space reduced."""
    page = browser.client.get(ME).text.partition(f'id="{name}"')[2].partition("</section>")[0]
    return " ".join(page.split())


def add_sessions(app: Flask, count: int, device: str = "Firefox/130.0 (Windows NT 10.0)") -> None:
    """Log alice in on more devices, two hours ago."""
    for number in range(count):
        run_sql(
            app,
            "INSERT INTO login_sessions (token_hash, user_id, created_at, last_seen_at, expires_at, ip_address, device)"
            f" SELECT 'hash{number}', user_id, created_at, {AGO.format('2 hours')}, expires_at,"
            f" '2001:db8:85a3:8d3:1319:8a2e:370:{7000 + number}', '{device}' FROM login_sessions LIMIT 1",
        )


def test_an_email_is_tagged_as_confirmed_or_not(app: Flask, logged_in: Browser) -> None:
    profile = section(logged_in, "profile")
    assert '<span class="tag warn">not confirmed</span>' in profile
    assert len(DATE.findall(profile)) == 2  # since when there is an account, and when it is deleted
    logged_in.send(link_in(send_emails(app)[0]))
    profile = section(logged_in, "profile")
    assert '<span class="tag good">confirmed</span>' in profile
    assert len(DATE.findall(profile)) == 1


def test_a_requested_email_is_shown_as_not_confirmed(app: Flask, logged_in: Browser) -> None:
    logged_in.send(link_in(send_emails(app)[0]))
    logged_in.send("/accounts/me/email/", email="new@example.com", password=PASSWORD)
    assert '<bdi>new@example.com</bdi> <span class="tag warn">not confirmed</span>' in section(logged_in, "profile")


def test_times_are_told_in_words_and_their_titles_are_exact(app: Flask, logged_in: Browser) -> None:
    add_sessions(app, 1)
    devices = section(logged_in, "devices")
    address = "2001:db8:85a3:8d3:1319:8a2e:370:7000"
    exact = r'<time datetime="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00" title="\d\d \w{3} \d{4}, \d\d:\d\d \w+"'
    assert re.search(rf"{address}, [^<]*{exact}>2 hours ago</time>, [^<]*{DATE.pattern}", devices)
    assert re.search(rf"<small>{exact}>just now</time></small>", section(logged_in, "emails"))


def test_the_profile_tells_when_the_password_was_changed(app: Flask, logged_in: Browser) -> None:
    def row() -> str:
        return next(row for row in section(logged_in, "profile").split("<li>") if 'href="/accounts/password' in row)

    assert "<time" not in row()
    run_sql(app, f"UPDATE users SET password_changed_at = {AGO.format('3 days')}")
    assert re.search("<time [^>]+>3 days ago</time>", row())


def test_a_button_is_named_by_the_device_that_it_logs_out(app: Flask, logged_in: Browser) -> None:
    add_sessions(app, 1)
    devices = section(logged_in, "devices")
    [label] = re.findall(r'aria-label="([^"]+)"', devices)
    assert label.endswith(" Firefox on Windows")
    assert devices.count('<span class="tag good">') == 1


def test_one_device_has_nothing_to_log_out(logged_in: Browser) -> None:
    devices = section(logged_in, "devices")
    assert "<form" not in devices


def test_a_long_list_is_folded_and_fits_into_50_kb(app: Flask, logged_in: Browser) -> None:
    add_sessions(app, 49, "SamsungBrowser/25.0 Android")
    send_emails(app)
    row = "INSERT INTO outbox SELECT printf('%032x', {}), {} FROM outbox LIMIT 1"
    columns = "task, args, user_id, domain, created_at, due_at, expires_at, attempts, done_at, failed_at, error"
    for number in range(25):
        run_sql(app, row.format(number, columns).replace("outbox SELECT", f"outbox (id, {columns}) SELECT"))
    page = logged_in.client.get(ME).text
    assert page.count("/end/") == 49
    assert re.findall(r"<summary>[^<]*?(\d+)[^<]*</summary>", page) == ["45", "15"]
    assert len(page.encode()) <= 50_000


def test_what_cannot_be_undone_stands_apart_and_warns(logged_in: Browser) -> None:
    assert "/delete/" not in section(logged_in, "data")
    apart = section(logged_in, "delete")
    assert logged_in.client.get(ME).text.count('<section class="card risk"') == 1
    assert 'class="button plain danger" href="/accounts/me/delete/"' in apart
    assert '<div class="warning message">' in logged_in.client.get("/accounts/me/delete/").text


@pytest.mark.parametrize("path", PASSWORD_FORMS)
def test_password_managers_find_the_account_of_every_password_form(app: Flask, logged_in: Browser, path: str) -> None:
    pass_ten_minutes(app)
    main = logged_in.send(path).text.partition("<main")[2]
    fields = re.findall(r"<input[^>]*autocomplete=[^>]*>", main)
    owner = next(place for place, field in enumerate(fields) if 'autocomplete="username"' in field)
    assert 'type="text"' in fields[owner]
    assert 'value="alice@example.com"' in fields[owner]
    assert 'autocomplete="current-password"' in fields[owner + 1]


@pytest.mark.parametrize("path", SECTIONS)
def test_every_form_says_where_it_belongs_and_has_a_way_back(logged_in: Browser, path: str) -> None:
    page = logged_in.client.get(path).text
    assert re.findall(rf'href="{ME}#(\w+)" aria-current="true"', page) == [SECTIONS[path]]
    assert re.search(f'<a class="button plain" href="{ME}">', page)


def test_the_navigation_leads_to_every_card(logged_in: Browser) -> None:
    page = logged_in.client.get(ME).text
    names = re.findall(rf'<a href="{ME}#(\w+)"', page.partition("</nav>")[2])
    assert names == ["profile", "devices", "emails", "data", "delete"]
    assert all(re.search(f'<section class="card[^"]*" id="{name}">', page) for name in names)
