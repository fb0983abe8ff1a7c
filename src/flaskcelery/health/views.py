"""URLs for monitors, neither logged nor limited. Nginx answers /metrics to nobody outside."""

from dataclasses import asdict

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST

from flaskcelery.health.operations import check_readiness, render_metrics

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def show_alive() -> Response:
    """Say that this process answers, even if all else is down."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
def show_ready() -> tuple[Response, int]:
    """Say whether visitors can be served, and if not, why (503)."""
    found = check_readiness()
    return jsonify(ready=not found.problem, **asdict(found)), 503 if found.problem else 200


@bp.get("/metrics")
def show_metrics() -> Response:
    return Response(render_metrics(), content_type=CONTENT_TYPE_LATEST)
