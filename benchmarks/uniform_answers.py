"""Does the time of an answer tell whether an address has an account? Login, reset, resend and quiet sign-up, behind
nginx and uWSGI.

Usage: python -m benchmarks.uniform_answers [pairs]

Then accounts with an authenticator app are compared with others at the login. At last, half of the accounts get
hashes as an import from Django brings them, of three costs, and the login is measured again, with a fifth of the
pairs. AUC is the chance that a known address takes longer than an unknown one (Mann-Whitney): 0.5 tells nothing.
"""

import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text
from tests.integration.stack import NOTHING_SET, Stack
from tests.integration.visitor import LOG_IN, SIGN_UP, Answer, Visitor
from tests.processes import BIN, HOST, ROOT
from tests.servers import smtp_server

from flaskcelery.users.passwords import MINUTE

RESET = "/accounts/password_reset/"
RESEND = "/accounts/email/resend/"
KINDS = "known", "nobody"  # how the addresses begin
WARM_UP = 20
AUC_BAR = (0.45, 0.55)
DIFFERENCE_BAR = 2.0, 0.03  # ms, or as a share of the unknown's median
WITH_APP = """
UPDATE users SET email_confirmed_at = joined_at, totp_secret = CASE WHEN username LIKE 'app%' THEN 'secret' END
"""
IMPORTED = """
UPDATE users SET password_hash = 'pbkdf2_sha256$' || CASE id % 6 WHEN 0 THEN 260000 WHEN 2 THEN 870000 ELSE 1200000 END
  || '$salt$AAAA' WHERE id % 2 = 0
"""


def log_in(visitor: Visitor, email: str) -> Answer:
    """Try a wrong password."""
    return visitor.post(LOG_IN, username=email, password="not the password at all")


def ask_reset(visitor: Visitor, email: str) -> Answer:
    """Ask for a link."""
    return visitor.post(RESET, email=email)


def ask_resend(visitor: Visitor, email: str) -> Answer:
    """Ask for another link that confirms the address."""
    return visitor.post(RESEND, email=email)


def sign_up(visitor: Visitor, email: str) -> Answer:
    """Sign up with a new name. An unknown address is a new one each time."""
    name = uuid.uuid4().hex
    return visitor.sign_up(name, email if email.startswith("known") else f"{name[:6]}@example.com")


def auc(known: list[float], unknown: list[float]) -> float:
    """Return the share of pairs in which the known one is slower; an equal pair counts half."""
    ranked = sorted([(seconds, True) for seconds in known] + [(seconds, False) for seconds in unknown])
    ranks = sum(rank for rank, (_, is_known) in enumerate(ranked, 1) if is_known)
    return (ranks - len(known) * (len(known) + 1) / 2) / (len(known) * len(unknown))


def measure(
    stack: Stack, page: str, ask: Callable[[Visitor, str], Answer], pairs: int, names: tuple[str, str] = KINDS
) -> bool:
    """Ask for an address of either kind in turns, in random order; print the figures, tell if they are good."""
    visitor = stack.visitor()
    visitor.get(page)
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(-WARM_UP, pairs):
        for is_known in random.sample([True, False], 2):
            # As many different addresses on either side: caches must not tell, either.
            answer = ask(visitor, f"{names[0 if is_known else 1]}{number % 10}@example.com")
            assert answer.status in {200, 302}, answer
            if number >= 0:
                times[is_known].append(answer.seconds * 1000)
    medians = {is_known: statistics.median(values) for is_known, values in times.items()}
    score = auc(times[True], times[False])
    allowed = max(DIFFERENCE_BAR[0], DIFFERENCE_BAR[1] * medians[False])
    is_good = AUC_BAR[0] <= score <= AUC_BAR[1] and abs(medians[True] - medians[False]) <= allowed
    print(
        f"{page:28} {pairs} pairs  AUC {score:.3f}  medians {medians[True]:.2f} ms {names[0]},"
        f" {medians[False]:.2f} ms {names[1]}  {'good' if is_good else 'BAD'}"
    )
    return is_good


def main() -> int:
    """Start the servers, measure, end them."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name, ExitStack() as exits:
        folder = Path(name)
        settings = {
            "INSTANCE_PATH": name,
            "DATABASE_URL": f"sqlite:///{folder / 'app.db'}",
            "CELERY_BROKER_URL": "embedded://localhost",
            "RATELIMIT_ENABLED": "0",
            "SIGN_UP_REVEALS_EMAIL": "0",
            "EMAIL_CONFIRMATION_REQUIRED": "1",
            "MAIL_BACKEND": "smtp",
            "MAIL_SERVER": HOST,
            "MAIL_PORT": str(exits.enter_context(smtp_server()).port),
        }
        environ = {**NOTHING_SET, **settings}
        subprocess.run([BIN / "flask", "db", "upgrade"], check=True, env=environ, cwd=ROOT, capture_output=True)
        stack = Stack(folder, exits, settings)
        stack.start_web()
        for number in range(10):
            stack.sign_up(f"known{number}")
            stack.sign_up(f"app{number}")
        asked = ((LOG_IN, log_in), (RESET, ask_reset), (RESEND, ask_resend), (SIGN_UP, sign_up))
        good = [measure(stack, page, ask, pairs) for page, ask in asked]
        with stack.engine.begin() as connection:
            connection.execute(text(WITH_APP))
        good.append(measure(stack, LOG_IN, log_in, pairs, ("app", "known")))
        with stack.engine.begin() as connection:
            connection.execute(text(IMPORTED))
        time.sleep(MINUTE)  # until the web processes have read it
        good.append(measure(stack, LOG_IN, log_in, max(pairs // 5, 10)))
    print(f"{time.monotonic() - started:.0f} s")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
