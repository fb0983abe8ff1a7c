"""The README's examples, an email, a job and an admin page, done to a copy of the source as the README says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SIGN_UP = """
from flask_migrate import upgrade
from sqlalchemy import select
from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.extensions import mail
from flaskcelery.outbox.delivery import deliver
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.signup.operations import register

app = create_app({"ARGON2_PARAMETERS": "m=8,t=1,p=1"})
app.extensions["mail"].suppress = True
with app.app_context(), mail.record_messages() as emails:
    upgrade()
    register("alice", "alice@example.com", "correct horse")
    for row_id in db.session.scalars(select(OutboxRow.id)).all():
        deliver(row_id)
    is_shown = "Three tips for you" in app.test_client().get("/dev/emails/").text
    print(sorted(message.subject for message in emails), is_shown)
"""

JOB_IMPORTS = """
from sqlalchemy import select
from flaskcelery.database import database_now, transaction
from flaskcelery.outbox.progress import report_progress
from flaskcelery.outbox.schedule import every
"""

JOB = """
from flask_migrate import upgrade
from sqlalchemy import select
from flaskcelery.app import create_app
from flaskcelery.database import db, transaction
from flaskcelery.outbox.delivery import deliver
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.schedule import list_schedules
from flaskcelery.signup.operations import register
from flaskcelery.signup.tasks import send_weekly_tips

app = create_app({"ARGON2_PARAMETERS": "m=8,t=1,p=1"})
with app.app_context():
    upgrade()
    for name in ("alice", "bob"):
        register(name, f"{name}@example.com", "correct horse")
    states = []
    for _ in range(2):
        with transaction():
            row_id = send_weekly_tips.enqueue().id
        deliver(row_id)
        states.append(db.session.get(OutboxRow, row_id).state)
    tips = db.session.scalars(select(OutboxRow.user_id).filter_by(task="send_tips_email")).all()
    [schedule] = list_schedules()
    print(states, sorted(tips), schedule["task"], f"{schedule['next']:%a %H:%M}")
"""

ADMIN = """
from flask_migrate import upgrade
from sqlalchemy import update
from flaskcelery.admin.pages import PAGES
from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.shop.models import Coupon
from flaskcelery.users.models import User
from flaskcelery.users.sessions import start_session
from flaskcelery.admin.operations import create_user

app = create_app({})
with app.app_context():
    upgrade()
    Coupon.__table__.create(db.engine)
    token = start_session(create_user("sue", "sue@example.com", "staff"))
    db.session.add_all([Coupon(code="SPRING"), Coupon(code="AUTUMN", is_used=True)])
    db.session.commit()
app.config["WTF_CSRF_ENABLED"] = False
client = app.test_client()
with client.session_transaction() as session:
    session["_user_id"] = token
listed = client.get("/admin/coupons/?q=ring&used=no").text
acted = client.post("/admin/coupons/1/action/use-up/", follow_redirects=True).text
print("SPRING" in listed, "AUTUMN" in listed, "SPRING is used up." in acted, "Use up" in acted)
"""


def copy_source(folder: Path) -> Path:
    """Copy the source; return its package."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "migrations", folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "src" / "flaskcelery"


def run(folder: Path, script: str) -> tuple[str, str]:
    """Run a script with the copied source; return the last line that it prints, and its errors."""
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    return (result.stdout.splitlines() or [""])[-1], result.stderr


def read_blocks(title: str, language: str) -> list[str]:
    """Return the code blocks of one section of the README."""
    section = (ROOT / "README.md").read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def test_the_readmes_background_email_is_sent_beside_the_welcome(tmp_path: Path) -> None:
    title = "Add your own background email"
    body, enqueue_line = read_blocks(title, "python")
    signup = copy_source(tmp_path) / "signup"
    for name, text in re.findall(r"```jinja (\S+)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        (signup / "templates" / "signup" / "email" / name).write_text(text)
    tasks, operations = signup / "tasks.py", signup / "operations.py"
    tasks.write_text(f"{tasks.read_text()}\n\n{body}")
    source = operations.read_text()
    source = source.replace("import send_welcome_email", "import send_tips_email, send_welcome_email")
    welcome = "        send_welcome_email.enqueue(to=user.email, user_id=user.id)\n"
    assert welcome in source
    operations.write_text(source.replace(welcome, welcome + enqueue_line))

    shown, errors = run(tmp_path, SIGN_UP)
    assert shown == "['Three tips for you', 'Welcome alice!'] True", errors


def test_the_readmes_job_enqueues_one_email_for_each_user(tmp_path: Path) -> None:
    email, _ = read_blocks("Add your own background email", "python")
    [job] = read_blocks("Add your own background job", "python")
    tasks = copy_source(tmp_path) / "signup" / "tasks.py"
    tasks.write_text(f"{tasks.read_text()}\n{JOB_IMPORTS}\n\n{email}\n\n{job}")

    shown, errors = run(tmp_path, JOB)
    assert shown == "['done', 'done'] [1, 2] send_weekly_tips Mon 03:00", errors


def test_the_readmes_admin_page_lists_finds_and_acts(tmp_path: Path) -> None:
    model, page = read_blocks("Add your own admin page", "python")
    assert len(page.partition("PAGES")[2].splitlines()) <= 15
    package = copy_source(tmp_path)
    (package / "shop").mkdir()
    (package / "shop" / "models.py").write_text(model)
    listing = package / "admin" / "pages.py"
    imports = (
        "from sqlalchemy import update\n\n"
        "from flaskcelery.database import db, transaction\nfrom flaskcelery.shop.models import Coupon\n"
    )
    listing.write_text(f"{listing.read_text()}\n{imports}\n\n{page}")

    shown, errors = run(tmp_path, ADMIN)
    assert shown == "True False True False", errors
