"""Pages that look the same to every stranger are rendered once; then only the CSRF token differs."""

import functools
from collections.abc import Callable
from typing import TypeVar

from flask import current_app, g, request, session
from flask_wtf.csrf import generate_csrf

from flaskcelery.web.static_files import static_state

T = TypeVar("T")
TOKEN = "csrf_token"  # noqa: S105  Flask-WTF's key in `g` and in the session


def same_for_strangers(view: Callable[[], T]) -> Callable[[], T | str]:
    """Return a view that keeps its page for visitors of whom the session knows nothing but a CSRF token."""

    @functools.wraps(view)
    def show() -> T | str:
        if request.query_string or session.keys() - {TOKEN} or current_app.debug:  # whose templates change
            return view()
        pages: dict[object, list[str]] = current_app.extensions["strangers"]
        key = (request.endpoint, static_state())
        if key not in pages:
            page = str(view())
            pages[key] = page.split(g.csrf_token) if TOKEN in g else [page]
        return generate_csrf().join(pages[key]) if pages[key][1:] else pages[key][0]

    return show
