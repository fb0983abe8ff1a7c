"""One set of views for every admin page. Access is decided by `require_staff` (see GUARDS in app.py)."""

from flask import Blueprint, abort, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from flaskcelery.admin.dashboard import find_charts, find_tiles
from flaskcelery.admin.pages import AUDIT, PAGES
from flaskcelery.admin.registry import Page
from flaskcelery.admin.tables import id_of
from flaskcelery.database import db, pause
from flaskcelery.web.error_pages import NoAccess
from flaskcelery.web.forms import errors_shown
from flaskcelery.web.security import require_login

bp = Blueprint("admin", __name__, template_folder="templates", url_prefix="/admin")

HISTORY_COLUMNS = ("event", "actor_id", "ip_address", "detail", "at")


@bp.context_processor
def add_pages() -> dict[str, object]:
    return {"pages": PAGES}


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
    charts = find_charts()
    return render_template("admin/dashboard.html", charts=charts, tiles=find_tiles(charts))


@bp.get("/<name>/")
def show_list(name: str) -> str:
    page = get_page(name)
    return render_template("admin/list.html", page=page, table=page.find_table(page.parse_args(request.args)))


@bp.get("/<name>/<row_id>/")
def show_row(name: str, row_id: str) -> str:
    page = get_page(name)
    row = page.get_row(row_id)
    history = AUDIT.make_table(page.history(row), HISTORY_COLUMNS) if page.history else None
    return render_template("admin/row.html", page=page, row=row, table=page.make_table([row]), history=history)


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
        pause(*db.session)  # the columns stay readable when the operation begins its transaction
        with errors_shown(form):
            flash(found.run(current_user, *[each for each in (row, form) if each is not None]), "success")
        if form is None or not form.errors:
            return redirect(page.url(row and db.session.get(page.model, id_of(row))))
    consequences = found.confirm(row) if found.confirm else ()
    return render_template("admin/action.html", page=page, action=found, row=row, form=form, consequences=consequences)


def name_action() -> str:
    """Return the label of the action in the URL, or answer 404: no text of the URL itself."""
    args = request.view_args or {}
    actions = get_page(args["name"]).actions
    return next((each.label for each in actions if each.name == args["action"]), None) or abort(404)


def get_page(name: str) -> Page:
    return PAGES.get(name) or abort(404)
