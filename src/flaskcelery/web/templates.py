"""What every template can use besides Flask's own names, and pages that are rendered once for all strangers."""

import functools
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import segno
from flask import Flask, current_app, g, request, session
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup
from wtforms import Form

from flaskcelery.database import database_now
from flaskcelery.web.urls import public_url

T = TypeVar("T")

TOKEN = "csrf_token"  # noqa: S105  Flask-WTF's key in `g` and in the session
MENU: dict[str, str] = {}  # the label of each page in the menu of users, by endpoint; features add theirs
DAY = timedelta(days=1)
UNITS = {
    "year": DAY * 365,
    "month": DAY * 365 / 12,
    "day": DAY,
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}


def init_templates(app: Flask) -> None:
    app.jinja_env.filters["ago"] = ago
    app.jinja_env.filters["date"] = describe_date
    app.jinja_env.filters["qr_code"] = draw_qr_code
    app.jinja_env.globals |= {"find_focus": find_focus, "menu": MENU, "public_url": public_url}
    app.jinja_env.globals["site_name"] = app.config["SITE_NAME"]

    build_once = functools.lru_cache(maxsize=1000)(app.url_for)  # to build them all is a fifth of a page's time

    @app.template_global()
    def url_for(endpoint: str, **values: Any) -> str:
        """Return the path of a page or static file; an endpoint that begins with a dot is of the same blueprint."""
        endpoint = f"{request.blueprint}{endpoint}" if endpoint.startswith(".") else endpoint
        build = app.url_for if app.debug else build_once  # while a developer works, files change
        return build(endpoint, **values)


def find_focus(form: Form, start: str = "") -> str:
    """Return the field that the cursor starts in: the first wrong one, or `start`; "" if several are wrong."""
    errors = form.errors  # "None" stands for the form as a whole
    return "" if len(errors) > 1 else next((name for name in errors if name), start)


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


def describe_date(day: date) -> str:
    """Return a day as a sentence has it, on a page or in an email: "4 March 2031"; of a datetime, its day in UTC."""
    return day.strftime("%-d %B %Y")


def draw_qr_code(text: str) -> Markup:
    """Return an SVG element, the only kind of image in a page that the Content-Security-Policy allows."""
    svg = segno.make_qr(text).svg_inline(scale=4, light="#fff", svgclass=None, lineclass=None)
    return Markup(svg)  # noqa: S704  it has no text


def same_for_strangers(view: Callable[[], T]) -> Callable[[], T | str]:
    """Return a view that keeps its page for visitors of whom the session knows nothing but a CSRF token.

    The page looks the same to every stranger; only the CSRF token differs.
    """

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
