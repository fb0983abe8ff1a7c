"""What must hold after every scenario, told from SQL, the SMTP server's dumps and the load's log alone."""

import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from email.message import EmailMessage
from statistics import quantiles
from typing import Any

from tests.faults.load import Load
from tests.faults.scenarios import Environment, Scenario

UNAVAILABLE = {0, 502, 503, 504}  # 0: the connection was closed
Rows = list[tuple[Any, ...]]


@dataclass
class Result:
    """One line of the table: what a scenario did, and what it missed."""

    scenario: str
    database: str
    seed: int
    fired: str = ""
    sign_ups: int = 0
    emails: int = 0
    lost: int = 0
    for_nothing: int = 0
    duplicates: int = 0
    allowed: int = 0  # events inside the one window
    failed: int = 0
    slowest: float = 0.0  # seconds of the slowest sign-up
    p99: float = 0.0  # seconds within which 99 of 100 sign-ups were answered
    recovery: float = 0.0  # seconds from healing to the first email in normal time
    drained: float = 0.0  # seconds from healing until nothing was pending
    restarts: int = 0  # processes that a service manager started again
    attempts: int = 0
    seconds: float = 0.0
    missed: list[str] = field(default_factory=list)

    def expect(self, holds: object, sentence: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.missed.append(sentence)

    def as_dict(self) -> dict[str, object]:
        """Return what goes into the JSON line."""
        return asdict(self)


def check(result: Result, scenario: Scenario, environment: Environment) -> None:
    """Compare what is stored, what was sent and what was answered."""
    stack, log, emails = environment.stack, environment.load.log, environment.sink.emails()
    users = {str(row[0]): int(row[1]) for row in stack.query("SELECT email, id FROM users")}
    rows = stack.query("SELECT id, user_id, done_at, failed_at, error, attempts, args FROM outbox")
    result.allowed, result.sign_ups, result.emails = environment.allowed, len(log), len(emails)
    result.restarts = stack.restarts
    check_rows(result, scenario, users, rows)
    check_emails(result, users, rows, emails)
    check_answers(result, scenario, environment.load, set(users))


def check_answers(result: Result, scenario: Scenario, load: Load, users: set[str]) -> None:
    """Check that what visitors were told is true, and that they were told it in time."""
    missing = load.accepted() - users
    result.expect(not missing, f"I5: {len(missing)} accounts that were promised are not there")
    told = Counter(made.name for made in load.log if made.status == 302)
    result.expect(max(told.values(), default=0) <= 1, "I5: an account was promised twice")
    seconds = [made.seconds for made in load.log]
    result.slowest, result.p99 = max(seconds), quantiles(seconds, n=100, method="inclusive")[-1]
    result.expect(result.slowest <= scenario.slowest, f"I6: a sign-up took {result.slowest:.1f} s")
    result.expect(result.p99 <= scenario.p99, f"I6: 99 of 100 sign-ups took up to {result.p99:.1f} s")
    odd = {made.status for made in load.log if made.phase != "probe"} - {302, 409}
    result.expect(odd <= (UNAVAILABLE if scenario.refuses else set()), f"I6: answers {sorted(odd)}")
    result.expect(not load.unanswered(), f"I6: {len(load.unanswered())} visitors never got an account")


def check_rows(result: Result, scenario: Scenario, users: dict[str, int], rows: Rows) -> None:
    """Check that each user has one row, and that each row has come to an end, in few attempts."""
    enqueued = Counter(row[1] for row in rows)
    result.expect(enqueued == Counter(users.values()), f"I1: {len(users)} users, {len(rows)} rows")
    open_rows = [row for row in rows if not row[2] and not row[3]]
    result.expect(not open_rows, f"I2: {len(open_rows)} rows are still pending")
    failed = [row for row in rows if row[3]]
    result.failed, result.attempts = len(failed), max((row[5] for row in rows), default=0)
    wrong = [row for row in failed if not scenario.may_fail or not re.match(scenario.may_fail, str(row[4] or ""))]
    result.expect(not wrong, f"I2: {len(wrong)} rows failed: {wrong[0][4] if wrong else ''}")
    result.expect(result.attempts <= scenario.attempts, f"a row was tried {result.attempts} times")
    result.expect(not any("@" in str(row[6]) for row in rows), "the outbox holds an address")


def check_emails(result: Result, users: dict[str, int], rows: Rows, emails: list[EmailMessage]) -> None:
    """Check that each user who should have an email has it, under the id of the row, once."""
    ids = {row[1]: str(row[0]).replace("-", "") for row in rows}
    sent = Counter((str(message["To"]), str(message["Message-ID"]).strip("<>").partition("@")[0]) for message in emails)
    have = {to for to, _ in sent}
    failed = {row[1] for row in rows if row[3]}
    result.lost = len({email for email, user in users.items() if user not in failed} - have)
    result.expect(not result.lost, f"{result.lost} emails are lost")
    result.for_nothing = len(have - set(users))
    result.expect(not result.for_nothing, f"I3: {result.for_nothing} emails to nobody's address")
    foreign = [to for to, local in sent if to in users and ids.get(users[to]) != local.replace("-", "")]
    result.expect(not foreign, f"I4: {len(foreign)} emails under another Message-ID than their row's")
    result.duplicates = sum(sent.values()) - len(sent)
    result.expect(result.duplicates <= result.allowed, f"I4: {result.duplicates} duplicates, {result.allowed} allowed")
