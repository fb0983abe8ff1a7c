"""The tables of docs/ that name tests name some that exist; and what needs no more than a database."""

import re
import sqlite3
from pathlib import Path

from tests.processes import ROOT
from tests.security.rows import ROWS, is_there, write


def test_every_requirement_has_a_proof_that_exists_or_a_reason() -> None:
    assert list(ROWS) == list(range(1, 53))
    assert [number for number, row in ROWS.items() if not (row.proofs or row.remark)] == []
    assert [proof for row in ROWS.values() for proof in row.proofs.split() if not is_there(proof)] == []
    assert (ROOT / "docs/security.md").read_text() == write(), "make docs"


def test_every_defect_of_the_origin_has_a_test_that_exists() -> None:
    rows = re.findall(r"^\| D(\d+) \|.*\| (.*?) \|$", (ROOT / "docs/parity.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 18))
    for number, proofs in rows:
        named = re.findall(r"`([^`]+)`", proofs)
        assert named
        assert [proof for proof in named if not is_there(proof)] == []
        assert all(f"d{number}_" in proof for proof in named)


def test_row_48_a_new_database_has_no_account(migrated_database: Path) -> None:
    with sqlite3.connect(migrated_database) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)
    connection.close()
