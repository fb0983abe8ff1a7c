"""Kill points and removed protections. Python imports this file by its name in every process of the fault suite.

A point is armed by a file `POINT.ACTION.NUMBER` in FAULTS_FOLDER: whoever reaches the point first takes the file
(renames it to `taken.POINT.ACTION.NUMBER.PID`), then acts, so every event happens once and leaves its proof.
UNPROTECTED names one protection that this run shall do without, to show that the suite notices.
"""

import math
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from flask_wtf import CSRFProtect
from itsdangerous import TimestampSigner
from sqlalchemy import event, select, update

from flaskcelery import extensions
from flaskcelery.config import derived
from flaskcelery.database import db, transaction
from flaskcelery.mail import smtp
from flaskcelery.outbox import delivery, publisher, tasks
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.statements import FINISH
from flaskcelery.signup.tasks import send_welcome_email
from flaskcelery.web import security

FOLDER = Path(os.environ["FAULTS_FOLDER"])
UNPROTECTED = os.environ.get("UNPROTECTED", "")
HOLD = 1.0  # seconds in which the driver freezes who waits here


def reach(point):
    """Act if the point is armed: `kill` this process, or `hold` it for a moment."""
    for token in sorted(FOLDER.glob(f"{point}.*")):
        with suppress(FileNotFoundError):
            token.rename(token.with_name(f"taken.{token.name}.{os.getpid()}"))
            if token.suffixes[0] == ".hold":
                time.sleep(HOLD)
            else:
                os.kill(os.getpid(), signal.SIGKILL)
            return


def around(owner, name, before="", after=""):
    """Put a point before and one after a function; the second is reached when it has done something."""
    inner = getattr(owner, name)

    def wrapped(*args, **values):
        if before:
            reach(before)
        result = inner(*args, **values)
        did_nothing = (name == "claim" and result is None) or (name == "_try_record" and FINISH not in args)
        if after and not did_nothing:
            reach(after)
        return result

    setattr(owner, name, wrapped)


@event.listens_for(db.session, "before_commit")
def _before_commit(session):
    if session.info.get("pending"):
        reach("before_commit")


def poisonous(message):
    """Kill whoever sends an email to `poison...`; send every other one."""
    if message.recipients[0].startswith("poison") and (FOLDER / "poison").exists():
        with (FOLDER / "poison").open("a") as victims:
            victims.write(f"{os.getpid()}\n")
        os.kill(os.getpid(), signal.SIGKILL)
    send(message)


def claim_anything(row_id):
    """Claim without looking at whose turn it is."""
    with transaction():
        columns = (OutboxRow.task, OutboxRow.args, OutboxRow.attempts, OutboxRow.traceparent)
        found = db.session.execute(select(*columns).where(OutboxRow.id == row_id)).one()
        db.session.execute(update(OutboxRow).where(OutboxRow.id == row_id).values(attempts=found.attempts + 1))
    return delivery.Claim(row_id, found.task, found.args, found.attempts + 1, found.traceparent, time.monotonic())


def quit_decides(self, *_):
    """Let the answer to QUIT decide, as Flask-Mail itself does."""
    self.host.quit()


def commit_early(self, **args):
    """Commit the change first, then enqueue the email in a transaction of its own."""
    db.session.commit()
    with transaction():
        return enqueue(self, **args)


def without_deadlines(config):
    """Give the task and its lease far too much time."""
    return {"MAIL_SEND_DEADLINE": 1000.0, "TASK_TIME_LIMIT": 2000.0, "OUTBOX_LEASE": 4000.0}


def once(claimed, result, total=None, **values):
    """Record the result once; it is lost when the database is away."""
    delivery._try_record(claimed, result, total, **values)


send, enqueue = delivery.mail.send, tasks.OutboxTask.enqueue
delivery.mail.send = poisonous
around(delivery, "claim", after="after_claim")
around(delivery, "perform", after="after_250")
around(delivery, "_try_record", after="after_record")
around(publisher.Publisher, "try_publish", before="before_publish", after="after_publish")

# What each name removes. "relay" is the driver's to leave out.
REMOVALS = {
    "claim": (delivery, "claim", claim_anything),
    "quit": (smtp.SmtpConnection, "__exit__", quit_decides),
    "transaction": (tasks.OutboxTask, "enqueue", commit_early),
    "deadlines": (derived, "_deadlines", without_deadlines),
    "late": (smtp.SmtpSession, "send_before", property(lambda _: math.inf, lambda *_: None)),  # never too late
    "back_off": (delivery, "back_off", lambda _attempts: 0.0),
    "record_retry": (delivery, "_record", once),
    "key_fallbacks": (extensions.SafeCsrfProtect, "_get_csrf_token", CSRFProtect._get_csrf_token),
    "cookie_age": (security.AnyAgeSigner, "unsign", TimestampSigner.unsign),
}
if UNPROTECTED in REMOVALS:
    setattr(*REMOVALS[UNPROTECTED])

if os.environ.get("RELEASE") == "next":  # it enqueues the welcome email under a new name, and still knows the old one
    send_welcome_email.name = "welcome"
    tasks.TASKS["welcome"] = send_welcome_email
