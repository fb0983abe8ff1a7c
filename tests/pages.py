"""What tests read in a page."""

import html
import re
from html.parser import HTMLParser

from werkzeug.test import TestResponse

DEAD = 'data-page="invalid-link"'  # in the page of a link that no longer works
CSRF_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def find_csrf_token(page: str) -> str:
    """Return the CSRF token of the first form in a page; "" where there is none."""
    found = CSRF_TOKEN.search(page)
    return html.unescape(found[1]) if found else ""


def csrf_token(page: str) -> str:
    """Return the CSRF token of the first form in a page, which must have one."""
    token = find_csrf_token(page)
    assert token, f"no form in: {page[:500]}"
    return token


class Values(HTMLParser):
    """Collects what a browser sends of a form that nobody has touched."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.name = ""  # of the select or textarea that is open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a field; a box that is not ticked is not sent."""
        given = {name: value or "" for name, value in attrs}
        if tag in {"select", "textarea"}:
            self.name = given["name"]
        if tag == "option" and ("selected" in given or self.name not in self.found):
            self.found[self.name] = given["value"]
        if tag == "input" and "name" in given and ("checked" in given or given["type"] not in {"checkbox", "radio"}):
            self.found[given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        """Note the text of a textarea, whose first line break does not count."""
        if self.lasttag == "textarea" and self.name:
            self.found[self.name] = data.removeprefix("\r").removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        """Note that a textarea ends."""
        if tag == "textarea":
            self.name = ""


def values_of(page: str, path: str) -> dict[str, str]:
    """Return the values that the form for this path shows; without such a form, the CSRF token of any."""
    form = re.search(rf'<form[^>]* action="{re.escape(path)}(?:\?[^"]*)?".*?</form>', page, re.DOTALL)
    if form is None:
        return {"csrf_token": find_csrf_token(page)}
    values = Values()
    values.feed(form[0])
    return values.found


def fill_in(values: dict[str, str], fields: dict[str, str | bool]) -> dict[str, str]:
    """Return the values with those of these fields; True ticks a box, and False leaves it out."""
    return {name: "y" if value is True else value for name, value in {**values, **fields}.items() if value is not False}


def describe(answer: TestResponse) -> str:
    """Return the status of an answer, and what its page says is wrong."""
    page = answer.text if answer.mimetype == "text/html" else ""
    fields = r'<div id="(?:[\w-]+-)?(\w+)-errors"><p class="wrong">(.*?)</p>'
    errors = re.findall(rf'{fields}|<p class="error (.*?)".*?>(.*?)</p>', page)
    return f"<{'; '.join([answer.status, *(': '.join(filter(None, each)) for each in errors)])}>"


def errors_of(page: str, field: str) -> list[str]:
    """Return the sentences shown at a field."""
    found = re.search(rf'<div id="[\w-]+-{field}-errors">(.*?)</div>', page, re.DOTALL)
    return re.findall(r'<p class="wrong">(.*?)</p>', found[1]) if found else []


def links_of(page: str) -> list[str]:
    """Return what the first column of a list says."""
    return re.findall(r"<tr>\s*<td><a [^>]*>([^<]*)</a>", page)


def focus_of(page: str) -> list[str]:
    """Return the names of the fields that want the cursor; "summary" for the error summary."""
    tags = re.findall(r"<(?:input|div)[^>]*\sautofocus[^>]*>", page)
    return [found[1] if (found := re.search(r'name="(\w+)"', tag)) else "summary" for tag in tags]


def is_logged_in(page: str) -> bool:
    """Return whether a page was made for somebody who is logged in: then it has a button to log out."""
    return 'action="/accounts/logout/"' in page
