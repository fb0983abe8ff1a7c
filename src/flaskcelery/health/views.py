"""Two addresses for monitors; both are neither logged nor limited."""

from flask import Blueprint, Response, jsonify

from flaskcelery.health.operations import check_readiness

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def show_alive() -> Response:
    """Say that this process answers, whatever else is down."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
def show_ready() -> tuple[Response, int]:
    """Say whether visitors can be served, and if not, why (503)."""
    found = check_readiness()
    return jsonify(found.as_dict()), 503 if found.problem else 200
