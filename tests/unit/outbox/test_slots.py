"""A domain's share of a worker's processes."""

import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from flaskcelery.database import db
from flaskcelery.outbox import delivery
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.slots import Slots, domain_slot, publish_waiting, slot_domain
from flaskcelery.signup.operations import register
from tests.unit.conftest import change, load

OTHER_PROCESS = """
import sys, time, uuid
from pathlib import Path
from flaskcelery.app import create_app
from flaskcelery.outbox.slots import Slots, domain_slot
with create_app({"INSTANCE_PATH": sys.argv[1]}).app_context() as context:
    context.app.extensions["slots"] = Slots(Path(sys.argv[1]) / "worker.slots", 1)
    with domain_slot(uuid.UUID(sys.argv[2])) as is_free:
        print(is_free, flush=True)
        time.sleep(60)
"""


@pytest.fixture
def rows(quiet_app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    """Return the rows of three sign-ups, the last one at another domain, in a worker with one slot for each domain."""
    slots = Slots(Path(quiet_app.instance_path) / "worker.slots", 1)
    monkeypatch.setitem(quiet_app.extensions, "slots", slots)
    for name, domain in (("alice", "a.example.net"), ("bob", "b.EXAMPLE.net"), ("carol", "example.org")):
        register(name, f"{name}@{domain}", "correct horse")
    return list(db.session.scalars(select(OutboxRow.id).order_by(OutboxRow.user_id)))


@pytest.mark.requirement(60)
def test_a_domain_whose_slots_are_taken_waits_and_no_other_does(quiet_app: Flask, rows: list[uuid.UUID]) -> None:
    command = [sys.executable, "-c", OTHER_PROCESS, quiet_app.instance_path, str(rows[0])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert [delivery.deliver(row) for row in rows] == [False, False, True]
        assert [load(row).attempts for row in rows] == [0, 0, 1]  # who waits loses nothing
        other.send_signal(signal.SIGKILL)
    assert [delivery.deliver(row) for row in rows] == [True, True, False]


def test_a_domain_with_several_slots_uses_them_all(quiet_app: Flask, rows: list[uuid.UUID]) -> None:
    command = [sys.executable, "-c", OTHER_PROCESS, quiet_app.instance_path, str(rows[0])]
    quiet_app.extensions["slots"] = Slots(Path(quiet_app.instance_path) / "worker.slots", 2)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with domain_slot(rows[1]) as is_free:
            assert is_free
        other.kill()


def test_a_free_slot_is_offered_to_the_rows_that_waited_for_it(
    quiet_app: Flask, rows: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[uuid.UUID] = []
    monkeypatch.setattr(quiet_app.extensions["publisher"], "publish", lambda _task, row_id: published.append(row_id))
    delivery.run(str(rows[0]))
    assert published == [rows[1]]
    delivery.run(str(rows[0]))  # a second message for a row that is done
    change(rows[1], due_at=60.0)
    publish_waiting(rows[0])
    assert published == [rows[1]]


def test_a_row_without_a_recipient_takes_no_slot_and_offers_none(
    quiet_app: Flask, rows: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[uuid.UUID] = []
    monkeypatch.setattr(quiet_app.extensions["publisher"], "publish", lambda _task, row_id: published.append(row_id))
    quiet_app.extensions["slots"] = Slots(Path(quiet_app.instance_path) / "worker.slots", 0)
    for row in rows[:2]:
        change(row, domain="")
    delivery.run(str(rows[0]))
    assert [delivery.deliver(row) for row in rows[1:]] == [True, False]
    assert published == []


DOMAINS = {
    "a@example.com": "example.com",
    "a@x.y.EXAMPLE.com": "example.com",
    "a@mail.shop.co.uk": "shop.co.uk",
    "a@other.co.uk": "other.co.uk",
    "a@co.uk": "co.uk",
    "a@museum": "museum",
    "a@x.y.unknown": "y.unknown",
    "a@x.firm.xn--55qx5d.cn": "firm.xn--55qx5d.cn",
    "a@x.bücher.example": "bücher.example",
    "a@192.0.2.1": "192.0.2.1",
    "a@[192.0.2.1]": "[192.0.2.1]",
    "a@[IPv6:2001:db8::1]": "[ipv6:2001:db8::1]",
    "a@example.com.": "example.com",
    "a@example..com": "example..com",
    "a@b@example.com": "example.com",
    "a@": "",
    "": "",
}


@pytest.mark.requirement(60)
@pytest.mark.parametrize(("email", "domain"), DOMAINS.items())
def test_each_organization_has_slots_of_its_own(email: str, domain: str) -> None:
    assert slot_domain(email) == domain


def test_the_domain_of_any_recipient_fits_into_its_column() -> None:
    assert len(slot_domain("a@" + "b" * 300)) == len(slot_domain("a@b." + "c" * 300)) == 254
