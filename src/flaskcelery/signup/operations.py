"""The rule of signing up."""

import uuid

from flask import current_app
from sqlalchemy import Row, bindparam, insert, select

from flaskcelery.audit.events import Event, record
from flaskcelery.database import db, now_plus, transaction, write
from flaskcelery.retention import DAY
from flaskcelery.signup.tasks import send_welcome_email
from flaskcelery.users.emails import send_email_taken_email
from flaskcelery.users.models import User
from flaskcelery.users.names import AccountTaken, make_names, refuse_taken
from flaskcelery.users.passwords import hasher

QUIET_KEEP_DAYS = 30  # instead of forever: placeholders have to expire, and must not differ from other accounts

OWNER = select(User.id, User.email).where(User.email_key == bindparam("email_key"))
# Built once, because each sign-up needs it. Without a deadline, `seconds` is None, and so is `confirm_by`.
ADD_USER = insert(User).values(confirm_by=now_plus("seconds")).returning(User.id)


def register(username: str, email: str, password: str) -> int:
    """Create the account with its pending welcome email; return its id.

    Raises InvalidName, InvalidEmail or AccountTaken. If SIGN_UP_REVEALS_EMAIL is off, nothing is raised for an email
    that is taken: its owner gets an email, and the account whose id is returned only keeps the username.
    """
    names, reveals_email = make_names(username, email), current_app.config["SIGN_UP_REVEALS_EMAIL"]
    password_hash = hasher().hash(password)
    while True:
        owner = None if reveals_email else db.session.execute(OWNER, names).first()
        try:
            return _create(names, password_hash, owner)
        except AccountTaken as error:  # perhaps only now, by somebody else's sign-up at the same time
            if reveals_email or "email" not in error.errors:
                raise


def _create(names: dict[str, str], password_hash: str, owner: Row[int, str] | None) -> int:
    """Save the account, or a placeholder for the owner's email, which nobody can log in to.

    Without the placeholder, the username would still be free, and a second sign-up with it would tell.
    """
    names = {**names, "email_key": uuid.uuid4().hex} if owner else names
    config = current_app.config
    keep_days = config["UNCONFIRMED_KEEP_DAYS"] or (0 if config["SIGN_UP_REVEALS_EMAIL"] else QUIET_KEEP_DAYS)
    seconds = keep_days * DAY or None
    with refuse_taken(names), transaction():
        user_id: int = write(ADD_USER, **names, password_hash=password_hash, seconds=seconds).scalar_one()
        if owner:
            send_email_taken_email.enqueue(to=owner.email, user_id=owner.id)
            record(Event.SIGN_UP_REPEATED, owner.id, owner.email)
        else:
            send_welcome_email.enqueue(to=names["email"], user_id=user_id)
            record(Event.SIGN_UP, user_id, names["email"])
    return user_id
