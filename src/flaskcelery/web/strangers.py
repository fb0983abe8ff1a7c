"""Pages that look the same to every stranger are rendered once; then only the CSRF token differs."""

import functools
from collections.abc import Callable
from typing import TypeVar

from flask import current_app, g, request, session
from flask_wtf.csrf import generate_csrf

T = TypeVar("T")
TOKEN = "csrf_token"  # noqa: S105  Flask-WTF's key in `g` and in the session


def same_for_strangers(view: Callable[[], T]) -> Callable[[], T | str]:
    """Return a view that keeps its page for visitors of whom the session knows nothing but a CSRF token."""

    @functools.wraps(view)
    def show() -> T | str:
        if request.query_string or session.keys() - {TOKEN} or current_app.debug:  # whose templates change
            return view()
        pages: dict[str, list[str]] = current_app.extensions.setdefault("strangers", {})
        parts = pages.get(request.endpoint or "")
        if parts is None:
            page = str(view())
            parts = pages[request.endpoint or ""] = page.split(g.csrf_token) if TOKEN in g else [page]
        return generate_csrf().join(parts) if parts[1:] else parts[0]

    return show
