"""My account; whoever comes here is logged in (see GUARDS in app.py)."""

from flask import Blueprint, render_template

bp = Blueprint("account", __name__, template_folder="templates")


@bp.get("/accounts/me/")
def show() -> str:
    """Show the account."""
    return render_template("account/account.html")
