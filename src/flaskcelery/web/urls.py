"""URLs: links for emails, safe redirects, ids in paths, and what is a host name."""

import functools
import re
import unicodedata
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, flash, redirect, url_for
from publicsuffixlist import PublicSuffixList
from werkzeug.routing import IntegerConverter, Map
from werkzeug.wrappers import Response

MAX_NEXT_LENGTH = 2000
MAX_ID = 2**63 - 1  # the largest integer that the database takes


class IdConverter(IntegerConverter):
    """`<id:user_id>` in a route: a number that fits into the database; others are 404."""

    def __init__(self, map: Map) -> None:  # noqa: A002  Werkzeug's name
        super().__init__(map, max=MAX_ID)


def go_to(endpoint: str, message: str = "", **values: Any) -> Response:
    """Redirect to a page, which shows the message."""
    if message:
        flash(message, "success")
    return redirect(url_for(endpoint, **values))


def public_url(endpoint: str, **values: Any) -> str:
    """Return a page's URL for an email. Its host comes from PUBLIC_URL, never from a request."""
    public = urlsplit(current_app.config["PUBLIC_URL"])
    site = current_app.url_map.bind(public.netloc, url_scheme=public.scheme)
    return site.build(endpoint, values, force_external=True)


def safe_next(target: str | None) -> str:
    """Return `target` if it is a path on this site, however Werkzeug or a browser normalizes it, else the home page.

    It starts with one slash and contains no backslash, control character or white space: `//evil`, `/\\evil` and
    `/<tab>/evil` all lead to another host.
    """
    target = target or ""
    is_path = len(target) <= MAX_NEXT_LENGTH and re.fullmatch(r"/(?!/)[^\\]*", target)
    is_unsafe = any(unicodedata.category(character)[0] in "CZ" for character in target)
    return target if is_path and not is_unsafe else url_for("home.show")


@functools.cache
def public_suffixes() -> PublicSuffixList:
    """Return the Public Suffix List, read once: `co.uk` is a suffix, below which organizations have their domains."""
    return PublicSuffixList(accept_unknown=False)
