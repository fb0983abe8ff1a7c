"""What logs, limits and audit events need to know about the current request."""

import re
import uuid

from flask import g, has_request_context, request


def client_ip() -> str:
    """Return the IP address of the client, or "" outside a request."""
    return (request.remote_addr or "") if has_request_context() else ""


def request_id() -> str:
    """Return the id that nginx gave the request, or else a new one; "" outside a request."""
    if not has_request_context():
        return ""
    if "request_id" not in g:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if re.fullmatch(r"[0-9A-Za-z-]{1,64}", given) else uuid.uuid4().hex
    return str(g.request_id)
