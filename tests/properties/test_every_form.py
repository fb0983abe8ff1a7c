"""Every form of the URL map, so that a new one is tested from its first day: no text in any field breaks a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import String, exists, func, select

from flaskcelery.database import db
from tests.conftest import Browser, run_sql
from tests.elements import elements_of
from tests.forms import VALUES, forms_of
from tests.functional.conftest import Member
from tests.properties.test_naughty_strings import TEXTS
from tests.rows import HINT, add_missing_rows

SOME = ["\x00", "a\x00b", "\ud800", "\u2028", "a" * 70_000, "<svg/onload=alert(1)>", '"><b>', "{{ 7*7 }}", *TEXTS[::20]]
PLAIN = ["", "x", "x" * 9000, "harmless@example.com"]
DATES = {  # by the harmless value of the field: those that Python can read, but neither add to nor subtract from
    VALUES["date"]: ["0001-01-01", "9999-12-31"],
    VALUES["datetime-local"]: ["0001-01-01T00:00", "9999-12-31T23:59"],
}
HEADS = ["form-data; a*9=x", "form-data", "form-data; name=a; a*1=b", "form-data; name*=idna''%ff", "\u20ac", "name=a"]
VISITORS = {"/accounts/signup/", "/accounts/login/", "/accounts/password_reset/", "/accounts/email/resend/"}
MEMBERS = {"/accounts/me/username/", "/accounts/me/email/", "/accounts/me/delete/", "/accounts/password_change/"}


def find_forms(app: Flask, browser: Browser) -> dict[str, dict[str, str]]:
    """Return the fields of each form that this browser can open, by its path."""
    rules = [rule for rule in app.url_map.iter_rules() if not rule.arguments]
    shown = {rule.rule for rule in rules if "GET" in rule.methods}
    paths = sorted(rule.rule for rule in rules if "POST" in rule.methods and rule.rule in shown)
    answers = {path: browser.client.get(path) for path in paths}
    forms = {path: forms_of(answer.text).get(path, {}) for path, answer in answers.items() if answer.status_code == 200}
    empty = [path for path, values in forms.items() if not values]
    assert not empty, f"{empty} show no form. {HINT}"
    return forms


def send_each(browser: Browser, path: str, values: dict[str, str], texts: list[str]) -> Iterator[tuple[Any, str]]:
    """Yield the page that follows when one field has one of the texts, and all others have harmless values."""
    for name, harmless in values.items():
        for text in [*texts, *DATES.get(harmless, [])]:
            data = {**values, name: text.encode("utf-8", "surrogatepass")}
            yield browser.client.post(path, data=data, follow_redirects=True), f"{path} {name} {text[:100]!r}"


def send_malformed(browser: Browser, path: str, token: str) -> set[int]:
    """Return the statuses when a form has a part with a head that no browser writes, with and without its token."""
    part = "--x\r\nContent-Disposition: {}\r\n\r\n{}\r\n"
    starts = ["", part.format('form-data; name="csrf_token"', token)]
    bodies = [f"{start}{part.format(head, 'x')}--x--\r\n" for start in starts for head in HEADS]
    kind = "multipart/form-data; boundary=x"
    return {browser.client.post(path, data=body, content_type=kind).status_code for body in bodies}


def find_nuls(app: Flask) -> list[str]:
    """Return the columns with a NUL in a text, which SQLite keeps and Postgres refuses with an error."""
    with app.app_context():
        texts = [
            column for table in db.metadata.sorted_tables for column in table.columns if isinstance(column.type, String)
        ]
        return [str(each) for each in texts if db.session.scalar(select(exists().where(func.instr(each, "\x00") > 0)))]


@pytest.mark.requirement(38)
@pytest.mark.parametrize("who", ["visitor", "member"])
def test_no_text_in_any_field_of_any_form_breaks_a_page_or_becomes_markup(app: Flask, who: str) -> None:
    member = Member(app, "sue", "staff")
    add_missing_rows(app, member.id)
    browser = Browser(app.test_client()) if who == "visitor" else member
    forms = find_forms(app, browser)
    assert forms.keys() >= (VISITORS if who == "visitor" else MEMBERS)
    for path, values in forms.items():
        plain = [browser.client.get(path)]
        plain += [browser.client.post(path, data=values, follow_redirects=True) for _ in range(2)]  # perhaps taken
        plain += [answer for answer, _ in send_each(browser, path, values, PLAIN)]
        harmless = set().union(*(elements_of(answer.text) for answer in plain))
        assert 500 not in send_malformed(browser, path, values["csrf_token"])
        for answer, where in send_each(browser, path, values, SOME):
            assert answer.status_code in {200, 400, 413}, where
            assert elements_of(answer.text) <= harmless, where
    assert browser.is_logged_in() == (who == "member")
    assert find_nuls(app) == []


def test_a_nul_in_the_database_is_found(app: Flask, auth: Browser) -> None:
    auth.sign_up()
    run_sql(app, "UPDATE users SET username = 'a' || char(0) || 'b'")
    assert find_nuls(app) == ["users.username"]
