"""What every request and response shares: the session cookie, headers, the refusal of other sites' forms, the guard."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, abort, current_app, redirect, request, url_for
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_login import current_user
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as AnyResponse

from flaskcelery.database import db, refuse_unsaved_changes
from flaskcelery.web.urls import IdConverter

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# deploy/nginx/headers.inc.template says the same for nginx's own answers. Pages have no scripts at all.
HEADERS = {
    # Lighthouse asks for robots.txt from within a page: `connect-src` lets it.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # no-referrer would break every form over HTTPS: Flask-WTF compares it
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class AnyAgeSigner(TimestampSigner):
    """Takes a cookie of any age, even one from the future: hosts' clocks differ, and the session row decides."""

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        return super().unsign(signed_value, None, return_timestamp)  # type: ignore[call-overload]  # its two are Literals


class SessionCookie(SecureCookieSessionInterface):
    """Flask's signed session cookie, of any age. What each request needs is made once."""

    def __init__(self, app: Flask) -> None:
        self._serializer = super().get_signing_serializer(app)
        if self._serializer:
            self._serializer.signer = AnyAgeSigner
        self._options: dict[str, Any] = {
            "domain": self.get_cookie_domain(app),
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "samesite": self.get_cookie_samesite(app),
            "httponly": self.get_cookie_httponly(app),
        }

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        return self._serializer

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Do what Flask does, but do not parse the Vary header each time that it gets `Cookie`."""
        if session.accessed or session.modified:
            response.headers.add("Vary", "Cookie")
        if session.modified and not session:
            response.delete_cookie(self.get_cookie_name(app), **self._options)
        elif session and self._serializer and self.should_set_cookie(app, session):
            expires, value = self.get_expiration_time(app, session), self._serializer.dumps(dict(session))
            response.set_cookie(self.get_cookie_name(app), value, expires=expires, **self._options)


def _serve_at_root(wsgi_app: "WSGIApplication") -> "WSGIApplication":
    """Ignore SCRIPT_NAME, which gunicorn takes from a header: URLs are built once, for all visitors."""

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["SCRIPT_NAME"] = ""
        return wsgi_app(environ, start_response)

    return serve


def _add_headers(wsgi_app: "WSGIApplication", headers: dict[str, str]) -> "WSGIApplication":
    """Add the headers that a response lacks. In a hook of Flask's, this would take a twentieth of a page's time."""
    by_key = {name.lower(): (name, value) for name, value in headers.items()}

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, own: list[tuple[str, str]], *error: Any) -> Any:
            keys = {name.lower() for name, _ in own}  # a view can have set one of them
            missing = [header for key, header in by_key.items() if key not in keys]
            return start_response(status, own + missing, *error)

        return wsgi_app(environ, start)

    return serve


def init_web(app: Flask) -> None:
    """Set up what every page shares, and trust as many proxies as TRUSTED_PROXIES says."""
    app.session_interface = SessionCookie(app)
    app.url_map.converters["id"] = IdConverter
    headers = HEADERS | (HSTS if app.config["PUBLIC_URL"].startswith("https:") else {})
    app.wsgi_app = _serve_at_root(_add_headers(app.wsgi_app, headers))  # type: ignore[assignment, method-assign]  # mypy takes it for a method
    if proxies := app.config["TRUSTED_PROXIES"]:
        # Each proxy appends an IP address; the scheme is what the nearest one says.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=1, x_host=0)  # type: ignore[method-assign]

    app.after_request(_check_session)

    @app.before_request
    def refuse_foreign_forms() -> None:
        """Refuse what another site makes a browser send. The CSRF token is the second guard."""
        if request.method in SAFE_METHODS:
            return
        origin = request.headers.get("Origin")
        is_foreign = origin is not None and origin.partition("://")[2] != request.host
        if is_foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            abort(403)

    @app.after_request
    def forbid_caching(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers["Cache-Control"] = "no-store"
        return response


def _check_session(response: Response) -> Response:
    # A view that answers with an error can leave some: it has not told anybody that they are saved.
    if response.status_code < HTTPStatus.BAD_REQUEST and db.session.registry.has():
        refuse_unsaved_changes()
    return response


def clear_site_data(response: AnyResponse) -> AnyResponse:
    """Make the browser forget what it keeps of this site, except for cookies: theirs carries the next message."""
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def require_login() -> ResponseReturnValue | None:
    """Redirect anonymous visitors to the login page, with a `next` parameter: a guard for whole blueprints."""
    if current_user.is_authenticated:
        return None
    if request.method not in SAFE_METHODS:  # a redirect cannot repeat what a button sent
        return redirect(url_for(current_app.login_manager.login_view, next=url_for("home.show")))  # type: ignore[attr-defined]
    response: ResponseReturnValue = current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    return response
