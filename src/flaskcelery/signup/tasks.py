"""The welcome email."""

import os
import re
import time

from flask import current_app

from flaskcelery.mail.message import Message, compose
from flaskcelery.outbox.tasks import task
from flaskcelery.users.email_change import LINKS
from flaskcelery.users.recipients import find_open
from flaskcelery.users.samples import sample_user
from flaskcelery.users.tokens import LINK_MAX_AGE, confirmation_link, lifetime, reject_link

# Nobody has confirmed the email yet, so it can be a stranger's, and a name like CALL-0800-1234567 an advertisement.
PLAIN_NAME = re.compile(r"(?!.*(\d[._-]*){7})[\w.-]{1,30}")


@task("send_welcome_email", "Welcome", samples=[sample_user(email_confirmed_at=None), sample_user()])
def send_welcome_email(user_id: int, made_at: int | None = None) -> Message | None:
    """Welcome a new user, by name if it is plain. `made_at` is the Unix time of the link for an imported account."""
    time.sleep(current_app.config["SIMULATED_WORK_SECONDS"])
    user = find_open(user_id)
    if user is None:
        return None
    return compose(
        "signup/email/welcome",
        to=user.email,
        username=user.username if PLAIN_NAME.fullmatch(user.username) else "",
        # Developers see that a worker sent it; in production the log says so.
        process_id=os.getpid() if current_app.config["APP_ENV"] == "development" else None,
        link=None if user.email_confirmed_at else confirmation_link(user, made_at),
        lifetime=lifetime(LINK_MAX_AGE),
        reject=reject_link(user, made_at),
    )


LINKS.append(send_welcome_email)
