"""What the application is measured beside: a bare Flask view, an empty Celery task, and an email sent the usual way.

uWSGI serves `page` with `deploy/uwsgi.ini`; a worker runs `app` with the options of the Procfile.
"""

import os

from celery import Celery
from flask import Flask, render_template_string
from flask_mail import Mail, Message
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped, mapped_column

TEXT = """\
Hello {{ username }},

welcome to the site. Please confirm your email address: {{ link }}

If you did not sign up, you can ignore this email.
"""

page = Flask("page")
usual = Flask("usual")
usual.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
usual.config["MAIL_SERVER"] = os.environ["MAIL_SERVER"]
usual.config["MAIL_PORT"] = int(os.environ["MAIL_PORT"])
usual.config["MAIL_DEFAULT_SENDER"] = "noreply@example.com"
db, mail = SQLAlchemy(usual), Mail(usual)
app = Celery("limits", broker=os.environ["CELERY_BROKER_URL"])
app.conf.task_ignore_result = True


class User(db.Model):
    """The columns that an email needs."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    email: Mapped[str]


@page.get("/")
def show() -> str:
    """Answer with nothing that costs anything."""
    return "Hello, world!"


@app.task(name="empty")
def do_nothing(user_id: int) -> None:
    """Cost what Celery costs."""


@app.task(name="usual")
def send_email(user_id: int) -> None:
    """Load the user, render, connect and send: an email that is lost when anything fails."""
    with usual.app_context():
        user = db.session.get_one(User, user_id)
        text = render_template_string(TEXT, username=user.username, link=f"http://localhost/confirm/{user.id}/")
        mail.send(Message("Welcome", [user.email], text))
