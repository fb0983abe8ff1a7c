"""What every page shares: response headers, templates' globals and safe redirects."""

import re
import unicodedata
import uuid
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, has_request_context, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.middleware.proxy_fix import ProxyFix

from flaskcelery.web.session_cookie import SessionCookie

# deploy/nginx/headers.inc.template says the same for nginx's own answers. Pages have no scripts at all.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # no-referrer would break every form over HTTPS: Flask-WTF compares it
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
MAX_NEXT_LENGTH = 2000
MAX_ID = 2**63 - 1  # the largest that the database takes


def init_web(app: Flask) -> None:
    """Set up what every page shares; believe our own proxies, and cookies of any age."""
    app.session_interface = SessionCookie()
    headers = HEADERS | (HSTS if app.config["PUBLIC_URL"].startswith("https:") else {})
    if proxies := app.config["TRUSTED_PROXIES"]:
        # Each proxy adds an address; the scheme is what the nearest one says.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=1, x_host=0)  # type: ignore[method-assign]

    @app.before_request
    def refuse_foreign_forms() -> None:
        """Refuse what another site makes a browser send; the CSRF token is the second guard."""
        if request.method in SAFE_METHODS:
            return
        origin = request.headers.get("Origin")
        is_foreign = origin is not None and origin.partition("://")[2] != request.host
        if is_foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            abort(403)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(headers)
        if response.mimetype == "text/html":
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.context_processor
    def add_globals() -> dict[str, object]:
        return {"site_name": app.config["SITE_NAME"], "current_user": current_user}  # loaded when a page reads it


def require_login() -> ResponseReturnValue | None:
    """Send who is not logged in to the log-in page, and back here afterwards: the guard of whole blueprints."""
    if current_user.is_authenticated:
        return None
    if request.method not in SAFE_METHODS:  # what a button sent cannot be sent again by a redirect
        return redirect(url_for(current_app.login_manager.login_view))  # type: ignore[attr-defined]
    response: ResponseReturnValue = current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    return response


def public_url(endpoint: str, **values: Any) -> str:
    """Return the address of a page for a mail: its host is the one of PUBLIC_URL, never a request's."""
    public = urlsplit(current_app.config["PUBLIC_URL"])
    return current_app.url_map.bind(public.netloc, url_scheme=public.scheme).build(
        endpoint, values, force_external=True
    )


def client_ip() -> str:
    """Return the address that the request came from; none outside of a request."""
    return (request.remote_addr or "") if has_request_context() else ""


def request_id() -> str:
    """Return the id that nginx gave the request, or one made here; none outside of a request."""
    if not has_request_context():
        return ""
    if "request_id" not in g:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if re.fullmatch(r"[0-9A-Za-z-]{1,64}", given) else uuid.uuid4().hex
    return str(g.request_id)


def is_local_path(target: str) -> bool:
    """Tell whether `target` is a path on this site, however Werkzeug or a browser may clean it up.

    One slash, then no second one, no backslash, no control character and no white space anywhere: `//evil`,
    `/\\evil` and `/<tab>/evil` all lead to another host.
    """
    if len(target) > MAX_NEXT_LENGTH or not target.startswith("/") or target.startswith("//") or "\\" in target:
        return False
    return not any(unicodedata.category(character)[0] in "CZ" for character in target)


def safe_next(target: str | None) -> str:
    """Return `target` if it is a path on this site, else the home page."""
    return target if target and is_local_path(target) else url_for("home.show")
