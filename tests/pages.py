"""What tests read in a page."""

import html
import re

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


def errors_of(page: str, field: str) -> list[str]:
    """Return the sentences shown at a field."""
    found = re.search(rf'<div id="[\w-]+-{field}-errors">(.*?)</div>', page, re.DOTALL)
    return re.findall(r'<p class="wrong">(.*?)</p>', found[1]) if found else []


def focus_of(page: str) -> list[str]:
    """Return the names of the fields that want the cursor; "summary" for the error summary."""
    tags = re.findall(r"<(?:input|div)[^>]*\sautofocus[^>]*>", page)
    return [found[1] if (found := re.search(r'name="(\w+)"', tag)) else "summary" for tag in tags]


def is_logged_in(page: str) -> bool:
    """Return whether a page was made for somebody who is logged in: then it has a button to log out."""
    return 'action="/accounts/logout/"' in page
