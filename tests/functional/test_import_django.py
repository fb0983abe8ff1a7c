"""`flask users import-django`: accounts of a Django application move here, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.conftest import PASSWORD, Browser, link_in, run_sql, send_emails

HASH = "pbkdf2_sha256$390000$c2FsdA$" + "A" * 43 + "="


def entry(name: str = "dora", model: str = "accounts.customuser", **fields: Any) -> dict[str, Any]:
    """Return one user as `manage.py dumpdata` writes it."""
    usual = {
        "password": HASH,
        "last_login": "2022-10-01T08:00:00Z",
        "is_superuser": False,
        "username": name,
        "first_name": "",
        "last_name": "",
        "is_staff": False,
        "is_active": True,
        "date_joined": "2022-09-09T10:00:00.123Z",
        "email": f"{name}@example.com",
        "groups": [],
        "user_permissions": [],
    }
    return {"model": model, "pk": 7, "fields": {**usual, **fields}}


def run(app: Flask, folder: Path, entries: object, *options: str, exit_code: int = 0) -> str:
    """Import a dump; return what the command said."""
    path = folder / "dump.json"
    path.write_text(json.dumps(entries))
    result = app.test_cli_runner().invoke(args=["users", "import-django", str(path), *options])
    assert result.exit_code == exit_code, result.output
    return result.stdout


def test_users_move_with_hash_dates_and_flags_and_get_no_email(app: Flask, tmp_path: Path) -> None:
    entries = [entry(), entry("erin", is_superuser=True), entry("finn", is_active=False, last_login=None)]
    entries.append({"model": "sessions.session", "pk": "x", "fields": {}})
    assert run(app, tmp_path, entries) == "3 added, 0 already there, 0 skipped\n"
    assert run_sql(app, "SELECT username, email_key, is_staff, is_active, joined_at, last_login_at FROM users") == [
        ("dora", "dora@example.com", 0, 1, "2022-09-09 10:00:00.123000", "2022-10-01 08:00:00.000000"),
        ("erin", "erin@example.com", 1, 1, "2022-09-09 10:00:00.123000", "2022-10-01 08:00:00.000000"),
        ("finn", "finn@example.com", 0, 0, "2022-09-09 10:00:00.123000", None),
    ]
    assert run_sql(app, "SELECT DISTINCT password_hash FROM users") == [(HASH,)]
    assert run_sql(app, "SELECT * FROM outbox") == []
    assert run_sql(app, "SELECT DISTINCT event FROM audit_events") == [("imported",)]


def test_a_second_run_finds_everybody_there(app: Flask, tmp_path: Path) -> None:
    entries = [entry(), entry("erin")]
    run(app, tmp_path, entries)
    run_sql(app, "UPDATE users SET password_hash = 'remade at a login' WHERE username = 'erin'")
    assert run(app, tmp_path, [*entries, entry("finn")]) == "1 added, 2 already there, 0 skipped\n"


def test_what_is_skipped_is_named_with_its_reason(app: Flask, tmp_path: Path, auth: Browser) -> None:
    auth.sign_up()
    broken = entry("broken")
    broken["fields"] = ["no", "fields"]
    said = run(
        app,
        tmp_path,
        [
            entry("two words"),
            entry("nobody", email=""),
            entry("ALICE", email="other@example.com"),
            entry("other", email="Alice@Example.com"),
            entry("number", username=5),
            entry("late", date_joined="soon"),
            entry("long", password="x" * 300),
            entry("odd", is_active="yes"),
            broken,
            entry("dora"),
            entry("DORA", email="d2@example.com"),
        ],
        exit_code=1,
    )
    lines = said.splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == [
        f"Skipped {name}"
        for name in ("two words", "nobody", "ALICE", "other", "5", "late", "long", "odd", "number 7", "DORA")
    ]
    for line, reason in zip(
        lines,
        ("Use letters, numbers", "Enter a valid email", "A user with that username", "This email already"),
        strict=False,
    ):
        assert reason in line
    assert lines[-1] == "1 added, 0 already there, 10 skipped"


@pytest.mark.requirement(59)
def test_an_unconfirmed_account_of_the_same_name_and_email_is_reported(
    app: Flask, tmp_path: Path, auth: Browser
) -> None:
    auth.sign_up("dora", "dora@example.com")
    said = run(app, tmp_path, [entry()], exit_code=1).splitlines()
    assert said[0].startswith("Skipped dora: An account that was opened here")
    assert said[1] == "0 added, 0 already there, 1 skipped"
    auth.send(link_in(send_emails(app)[0]), password=PASSWORD)
    assert run(app, tmp_path, [entry()]) == "0 added, 1 already there, 0 skipped\n"


def test_an_account_whose_name_looks_like_another_ones_moves_nevertheless(
    app: Flask, tmp_path: Path, auth: Browser
) -> None:
    names = ["homer", "horner", "Horner1"]
    assert run(app, tmp_path, [entry(name) for name in names]) == "3 added, 0 already there, 0 skipped\n"
    assert [name for (name,) in run_sql(app, "SELECT username FROM users ORDER BY id")] == names
    assert "looks like that of another user" in auth.sign_up("hornerl").text


def test_a_welcome_is_owed_when_asked_for_and_its_link_is_fresh(app: Flask, tmp_path: Path, auth: Browser) -> None:
    run(app, tmp_path, [entry(password="")], "--welcome")
    [message] = send_emails(app)
    assert (message.task, "dora" in message.subject) == ("send_welcome_email", True)
    auth.send(link_in(message))
    assert run_sql(app, "SELECT count(email_confirmed_at) FROM users") == [(1,)]


def test_natural_keys_and_djangos_own_users_are_read_too(app: Flask, tmp_path: Path) -> None:
    natural = entry()
    del natural["pk"]
    natural["fields"]["groups"] = [["editors"]]
    naive = entry("erin", model="auth.user", date_joined="2022-09-09T10:00:00", password="")
    assert run(app, tmp_path, [natural, naive]) == "2 added, 0 already there, 0 skipped\n"
    assert run_sql(app, "SELECT joined_at FROM users WHERE username = 'erin'") == [("2022-09-09 10:00:00.000000",)]


def test_an_account_without_a_password_lets_nobody_in(app: Flask, tmp_path: Path, auth: Browser) -> None:
    run(app, tmp_path, [entry(password=""), entry("erin", password="!unusable")])
    assert run_sql(app, "SELECT password_hash FROM users ORDER BY id") == [("!",), ("!unusable",)]
    for name in ("dora", "erin"):
        for password in ("!", "!unusable", " "):
            auth.log_in(email=f"{name}@example.com", password=password)
            assert not auth.is_logged_in()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{}", b"[1]", b"null", b"\xff\xfe\x00", b"[" * 100_000, b'"\xe9"'], ids=range(8)
)
def test_what_is_no_dump_is_said_in_one_sentence(app: Flask, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "dump.json").write_bytes(content)
    result = app.test_cli_runner().invoke(args=["users", "import-django", str(tmp_path / "dump.json")])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: This is not a JSON list as `manage.py dumpdata` writes it")
    assert len(result.stderr.splitlines()) == 1


def test_many_users_come_in_batches(app: Flask, tmp_path: Path) -> None:
    assert run(app, tmp_path, [entry(f"u{n}") for n in range(450)]).startswith("450 added")
