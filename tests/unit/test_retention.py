"""Retention: a kind of old rows that cannot be deleted delays nothing else."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from flaskcelery import retention
from flaskcelery.database import db
from flaskcelery.outbox import relay


@pytest.mark.parametrize(
    ("delete", "sentences"),
    [
        (lambda: list(db.session.scalars(text("SELECT too_slow()"))), ["purge_broken failed: OperationalError"]),
        (lambda: None, ["purge_broken failed", "Traceback", "TypeError"]),  # it returns no rows
    ],
    ids=["database", "bug"],
)
def test_a_kind_that_cannot_be_deleted_delays_neither_another_kind_nor_a_recurring_task(
    quiet_app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    delete: Callable[[], list[object]],
    sentences: list[str],
) -> None:
    begun: list[object] = []

    def purge_broken() -> list[object]:
        begun.append("broken")
        return delete()

    monkeypatch.setattr(retention, "PURGES", [purge_broken, lambda: begun.append("next") or begun[:1]])
    monkeypatch.setattr(relay, "enqueue_scheduled", lambda: begun.append("recurring tasks"))
    relay.relay_once(period=5)
    assert begun == ["recurring tasks", "broken", "next"]
    assert all(sentence in caplog.text for sentence in sentences)
