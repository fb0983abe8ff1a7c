"""Emails that a request sends are counted by a limit, or the test fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import g, has_request_context, request

from flaskcelery.outbox.tasks import OutboxTask
from flaskcelery.web import rate_limits

# Views without a limit, as each of their emails uses up a link that was emailed, or the account.
ONCE = {"account.submit_delete", "auth.submit_new_password", "email_links.submit"}
TOLD: set[str] = set()  # the other ones: the first test that finds one fails


@pytest.fixture(autouse=True)
def emails_are_counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse views that enqueue an email for a request that no limit has counted."""
    add, enqueue, uncounted = rate_limits._add, OutboxTask.enqueue, []

    def count(*args: Any) -> Any:
        g.is_counted = True
        return add(*args)

    def check(task: Any, **args: Any) -> Any:
        is_counted = not has_request_context() or "is_counted" in g or request.endpoint in ONCE
        if args.get("to") and not is_counted:
            uncounted.append(describe(task.name))
        return enqueue(task, **args)

    monkeypatch.setattr(rate_limits, "_add", count)
    monkeypatch.setattr(OutboxTask, "enqueue", check)
    yield
    new = set(uncounted) - TOLD
    TOLD.update(new)
    assert not new, f"No limit counts these emails: {' '.join(sorted(new))}"


def describe(task: str) -> str:
    """Return which view or action enqueues an email, and what can count it."""
    if request.endpoint == "admin.submit":
        action = request.view_args["action"].replace("-", "_")
        return f"The action {action} enqueues {task}. Use staff.send_email, or call count_staff_email first."
    return (
        f"{request.endpoint} enqueues {task}. Add @limit to the view, and a line to LIMITS in {rate_limits.__file__}."
    )
