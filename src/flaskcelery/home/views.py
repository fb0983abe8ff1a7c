"""The home page, and the small files that browsers and search engines ask for."""

from flask import Blueprint, Response, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from flaskcelery.web.templates import same_for_strangers

bp = Blueprint("home", __name__, template_folder="templates")

ROBOTS = """\
User-agent: *
Disallow: /admin/
Disallow: /accounts/me/
Disallow: /accounts/email/
Disallow: /accounts/reset/
"""


@bp.get("/")
@same_for_strangers
def show() -> str:
    return render_template("home/home.html")


@bp.get("/robots.txt")
def show_robots() -> Response:
    return Response(ROBOTS, mimetype="text/plain")


@bp.get("/favicon.ico")
def show_icon() -> AnyResponse:
    return redirect(url_for("static", filename="icon.svg"))


@bp.get("/.well-known/change-password")
def show_password_change() -> AnyResponse:
    """Tell password managers where the password can be changed."""
    return redirect(url_for("account.show_password_change"))
