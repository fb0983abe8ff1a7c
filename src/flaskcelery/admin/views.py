"""The staff's pages; only staff comes here, and only full staff actions (see GUARDS in app.py)."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response

from flaskcelery.admin.dashboard import find_charts
from flaskcelery.admin.pages import PAGES
from flaskcelery.admin.registry import Action, Page
from flaskcelery.database import db
from flaskcelery.errors import UserFacingError
from flaskcelery.outbox.queries import find_oldest_pending
from flaskcelery.users.names import AccountTaken
from flaskcelery.web.forms import show_error
from flaskcelery.web.security import require_login

bp = Blueprint("admin", __name__, template_folder="templates", url_prefix="/admin")


@bp.context_processor
def add_pages() -> dict[str, object]:
    """Give every template the pages and whether this visitor, nobody yet on the page of a bad form, may act."""
    return {"pages": PAGES, "link_row": link_row, "can_act": getattr(current_user, "is_staff", False)}


def require_staff() -> ResponseReturnValue | None:
    """Let staff in, and read-only staff to look: the guard of every page here."""
    if answer := require_login():
        return answer
    is_looking = (
        current_user.is_viewer and request.method in {"GET", "HEAD"} and "action" not in (request.view_args or {})
    )
    return None if current_user.is_staff or is_looking else abort(403)


@bp.get("/")
def show() -> str:
    """Show the dashboard."""
    return render_template("admin/dashboard.html", charts=find_charts(), oldest=find_oldest_pending())


@bp.get("/<name>/")
def show_list(name: str) -> str:
    """Show the rows of a page."""
    page = get_page(name)
    rows, number, has_more = page.find_rows()
    return render_template("admin/list.html", page=page, rows=rows, number=number, has_more=has_more)


@bp.get("/<name>/<row_id>/")
def show_row(name: str, row_id: str) -> str:
    """Show all of a row and what can be done to it."""
    page = get_page(name)
    row = page.find_row(row_id)
    history = page.history(row) if page.history else ()
    return render_template("admin/row.html", page=page, row=row, history=history)


@bp.route("/<name>/action/<action>/", methods=["GET", "POST"])
def submit_list(name: str, action: str) -> str | Response:
    """Do something to the whole list."""
    page = get_page(name)
    return submit(page, page.find_action(action, bulk=True), None)


@bp.route("/<name>/<row_id>/action/<action>/", methods=["GET", "POST"])
def submit_row(name: str, row_id: str, action: str) -> str | Response:
    """Do something to a row."""
    page = get_page(name)
    row, found = page.find_row(row_id), page.find_action(action, bulk=False)
    return submit(page, found, row if found.is_available(row) else abort(404))


def submit(page: Page, action: Action, row: Any) -> str | Response:
    """GET shows the form or the question of an act; POST actions and goes back to the row, or to the list."""
    is_sent = request.method == "POST"
    form = action.form(request.form if is_sent else None, obj=row) if action.form else None
    if not (is_sent or form or action.confirm):
        abort(405)
    if is_sent and (form is None or form.validate()) and do(action, row, form):
        is_there = row and db.session.get(page.model, page.id_of(row))
        return redirect(link_row(page, row) if is_there else url_for("admin.show_list", name=page.name))
    warnings = action.confirm(row) if action.confirm else ()
    return render_template("admin/action.html", page=page, action=action, row=row, form=form, warnings=warnings)


def do(action: Action, row: Any, form: Any) -> bool:
    """Action and say so, or why not; False if the form is to be shown again."""
    db.session.expunge_all()  # the columns stay readable when the act begins its transaction
    try:
        flash(action.run(current_user, row, form), "success")
    except AccountTaken as taken:
        show_error(form, taken)
        return False
    except UserFacingError as error:
        flash(str(error), "error")
    return True


def link_row(page: Page, row: Any) -> str:
    """Return the address of a row."""
    return url_for("admin.show_row", name=page.name, row_id=page.id_of(row))


def get_page(name: str) -> Page:
    """Return the page of this name; without one the answer is 404."""
    return PAGES.get(name) or abort(404)
