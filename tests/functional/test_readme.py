"""The README's example of a background mail, done to a copy of the source as the README says."""

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
with app.app_context(), mail.record_messages() as mails:
    upgrade()
    register("alice", "alice@example.com", "correct horse")
    for row_id in db.session.scalars(select(OutboxRow.id)).all():
        deliver(row_id)
    print(sorted(mail.subject for mail in mails))
"""


def test_the_readmes_background_mail_is_sent_beside_the_welcome(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    body, owe_line = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    for name in ("src", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    signup = tmp_path / "src" / "flaskcelery" / "signup"

    for name, text in re.findall(r"```jinja (\S+)\n(.*?)```", readme, re.DOTALL):
        (signup / "templates" / "signup" / "email" / name).write_text(text)
    tasks, operations = signup / "tasks.py", signup / "operations.py"
    tasks.write_text(f"{tasks.read_text()}\n\n{body}")
    source = operations.read_text()
    source = source.replace("import send_welcome_email", "import send_tips_email, send_welcome_email")
    owed = "        send_welcome_email.owe(user_id=user.id)\n"
    assert owed in source
    operations.write_text(source.replace(owed, owed + owe_line))

    result = subprocess.run(
        [sys.executable, "-c", SIGN_UP],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.splitlines()[-1:] == ["['Three tips for you, alice', 'Welcome alice!']"], result.stderr
