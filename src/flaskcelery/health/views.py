"""URLs for monitors, not logged. Nginx limits the first two, and answers /metrics to nobody outside."""

from dataclasses import asdict
from ipaddress import ip_address

from flask import Blueprint, Response, abort, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST

from flaskcelery.health.operations import RecentReadiness, render_metrics
from flaskcelery.web.requests import client_ip

bp = Blueprint("health", __name__)
bp.record_once(lambda state: state.app.extensions.update(readiness=RecentReadiness()))


@bp.get("/healthz")
def show_alive() -> Response:
    """Say that this process answers, even if all else is down."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
def show_ready() -> tuple[Response, int]:
    """Say whether visitors can be served (200 or 503), and to clients in private networks, why not."""
    found = current_app.extensions["readiness"].read()
    details = asdict(found) if _is_private(client_ip()) else {}
    return jsonify(ready=not found.problem, **details), 503 if found.problem else 200


@bp.get("/metrics")
def show_metrics() -> Response:
    """Answer Prometheus, which is in a private network, and nobody else, also where there is no nginx."""
    if not _is_private(client_ip()):
        abort(404)
    return Response(render_metrics(), content_type=CONTENT_TYPE_LATEST)


def _is_private(address: str) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    # Teredo (RFC 4380) and 6to4 (RFC 3056) give public hosts addresses of blocks that count as private.
    is_public = getattr(ip, "teredo", None) or getattr(ip, "sixtofour", None)
    return (getattr(ip, "ipv4_mapped", None) or ip).is_private and not is_public
