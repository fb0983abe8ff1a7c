"""The welcome mail."""

import os
import time

from flask import current_app

from flaskcelery.database import db
from flaskcelery.mail import Message, compose
from flaskcelery.outbox.tasks import task
from flaskcelery.users.models import User


@task("send_welcome_email", "Welcome")
def send_welcome_email(user_id: int) -> Message | None:
    """Welcome a new user: the Flask-Mail message that the worker sends."""
    time.sleep(current_app.config["SIMULATED_WORK_SECONDS"])
    user = db.session.get(User, user_id)
    if user is None:
        return None
    return compose("signup/email/welcome", to=user.email, username=user.username, process_id=os.getpid())
