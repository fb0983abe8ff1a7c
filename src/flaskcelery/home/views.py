"""The home page."""

from flask import Blueprint, render_template

bp = Blueprint("home", __name__, template_folder="templates")


@bp.get("/")
def show() -> str:
    return render_template("home/home.html")
