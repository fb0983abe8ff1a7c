"""Accounts of the reference Django app, created and dumped by Django itself, keep their passwords here."""

import json
import subprocess
from pathlib import Path

from flask import Flask

from tests.conftest import Browser, run_sql

REFERENCE_APP = Path(__file__).parent / "reference_app.py"
USERS = [
    ["alice@example.com", "alice", "correct horse battery"],
    ["bob@example.com", "bob_1987", " spaces around it "],
    ["zoe@example.com", "Zoë", "пароль из 🐎"],
    ["carol@example.com", "carol", None],
]


def test_who_comes_from_django_logs_in_with_the_old_password_and_gets_an_argon2_hash(
    app: Flask, django: Path, tmp_path: Path
) -> None:
    dump, users = tmp_path / "dump.json", json.dumps(USERS)
    made = subprocess.run([django, REFERENCE_APP], input=users, capture_output=True, text=True, check=True)
    dump.write_text(made.stdout)
    result = app.test_cli_runner().invoke(args=["users", "import-django", str(dump)])
    assert "4 added, 0 already there, 0 skipped" in result.output
    hashes = [text for (text,) in run_sql(app, "SELECT password_hash FROM users ORDER BY id")]
    assert [text.split("$")[0] for text in hashes[:3]] == ["pbkdf2_sha256"] * 3
    for email, _, password in USERS:
        browser = Browser(app.test_client())
        assert browser.log_in(email, "wrong password").status_code == 200
        assert browser.log_in(email, password or "").status_code == (302 if password else 200)
    hashes = [text for (text,) in run_sql(app, "SELECT password_hash FROM users ORDER BY id")]
    assert [text.split("$")[1] for text in hashes[:3]] == ["argon2id"] * 3
    assert hashes[3].startswith("!")
    for email, _, password in USERS[:3]:
        assert Browser(app.test_client()).log_in(email, password).status_code == 302
