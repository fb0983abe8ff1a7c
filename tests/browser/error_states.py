"""The error pages, ours and those that nginx serves while no process answers."""

from tests.browser.state import State
from tests.integration.visitor import LOG_IN

WRONG = "not the password at all"
ERRORS = [
    State(
        "400, form expired", LOG_IN, fields={"username": "x@example.com", "password": "x"}, status=400,
        before_sending=lambda page: page.context.clear_cookies(),
    ),
    State("403", "/admin/", "alice", status=403),
    State("404", "/nowhere/", status=404),
    State("404, member", "/nowhere/", "alice", status=404),
    State("404 by nginx", "/static/nowhere.css", status=404),
    State("405", "/accounts/logout/", status=405),
    State(
        "413 by nginx", "/accounts/password_reset/", fields={"email": "x" * 70_000}, status=413,
        before_sending=lambda page: page.get_by_role("textbox").evaluate("each => each.removeAttribute('maxlength')"),
    ),
    State("429", LOG_IN, fields={"username": "nobody@example.com", "password": WRONG}, status=429, times=11),
    State("500", "/admin/audit/", "boss", status=500, meanwhile=lambda site: site.without_table("audit_events")),
    State("503", "/admin/audit/", "boss", status=503, meanwhile=lambda site: site.without_database()),
    State("503 by nginx", "/", status=503, meanwhile=lambda site: site.without_web()),
]  # fmt: skip
