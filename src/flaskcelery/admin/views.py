"""One set of views for every admin page. Access is decided by `require_staff` (see GUARDS in app.py)."""

from flask import Blueprint, abort, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from flaskcelery.admin.dashboard import find_charts
from flaskcelery.admin.pages import PAGES
from flaskcelery.admin.registry import Page
from flaskcelery.database import db
from flaskcelery.outbox.queries import find_oldest_pending
from flaskcelery.web.error_pages import NoAccess
from flaskcelery.web.forms import errors_shown
from flaskcelery.web.security import require_login

bp = Blueprint("admin", __name__, template_folder="templates", url_prefix="/admin")


@bp.context_processor
def add_context() -> dict[str, object]:
    # The error page of an expired form is rendered without a logged-in user.
    return {"pages": PAGES, "can_act": getattr(current_user, "is_staff", False)}


def require_staff() -> ResponseReturnValue | None:
    """Admit staff to every page, and read-only staff to those without an action."""
    if answer := require_login():
        return answer
    is_reading = request.method in {"GET", "HEAD"} and "action" not in (request.view_args or {})
    if current_user.is_staff or (current_user.is_viewer and is_reading):
        return None
    raise NoAccess(current_user.username)


@bp.get("/")
def show() -> str:
    return render_template("admin/dashboard.html", charts=find_charts(), oldest=find_oldest_pending())


@bp.get("/<name>/")
def show_list(name: str) -> str:
    page = get_page(name)
    query = page.parse_args(request.args)
    rows, has_next = page.find_rows(query)
    return render_template("admin/list.html", page=page, query=query, rows=rows, has_next=has_next)


@bp.get("/<name>/<row_id>/")
def show_row(name: str, row_id: str) -> str:
    page = get_page(name)
    row = page.get_row(row_id)
    return render_template("admin/row.html", page=page, row=row, history=page.history and page.history(row))


@bp.route("/<name>/action/<action>/", methods=["GET", "POST"])
@bp.route("/<name>/<row_id>/action/<action>/", methods=["GET", "POST"])
def submit(name: str, action: str, row_id: str | None = None) -> ResponseReturnValue:
    """GET shows the action's form or confirmation; POST runs it and redirects to the row, or to the list."""
    page = get_page(name)
    row = None if row_id is None else page.get_row(row_id)
    found = page.get_action(action, row)
    form = found.form(obj=row) if found.form else None
    if request.method != "POST" and not (form or found.confirm):
        abort(405)
    if request.method == "POST" and (form is None or form.validate()):
        db.session.expunge_all()  # the columns stay readable when the operation begins its transaction
        with errors_shown(form):
            flash(found.run(current_user, *[each for each in (row, form) if each is not None]), "success")
        if form is None or not form.errors:
            return redirect(page.url(row and db.session.get(page.model, page.id_of(row))))
    consequences = found.confirm(row) if found.confirm else ()
    return render_template("admin/action.html", page=page, action=found, row=row, form=form, consequences=consequences)


def get_page(name: str) -> Page:
    return PAGES.get(name) or abort(404)
