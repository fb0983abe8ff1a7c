"""Retention: a kind of old rows that cannot be deleted delays nothing else."""

import pytest
from flask import Flask
from sqlalchemy import text

from flaskcelery import retention
from flaskcelery.database import db
from flaskcelery.outbox import relay


def test_a_kind_that_cannot_be_deleted_delays_neither_another_kind_nor_a_recurring_task(
    quiet_app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun: list[object] = []

    def purge_broken() -> list[object]:
        begun.append("broken")
        return list(db.session.scalars(text("SELECT too_slow()")))

    monkeypatch.setattr(retention, "PURGES", [purge_broken, lambda: begun.append("next") or begun[:1]])
    monkeypatch.setattr(relay, "enqueue_scheduled", lambda: begun.append("recurring tasks"))
    relay.relay_once(period=5)
    assert begun == ["recurring tasks", "broken", "next"]
    assert "purge_broken failed: OperationalError" in caplog.text
