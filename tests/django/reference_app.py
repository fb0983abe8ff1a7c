"""Runs under Django, apart from the application: reads [email, username, password] of each user as JSON, makes accounts
of the reference Django app and prints what `manage.py dumpdata` writes.
"""

import json
import sys
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

import django

MODELS = """
from django.contrib.auth.models import AbstractUser
from django.db import models

class CustomUser(AbstractUser):
    email = models.EmailField("Email", unique=True)
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["username"]
"""

with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "accounts").mkdir()
    (Path(folder) / "accounts/models.py").write_text(MODELS)
    (Path(folder) / "accounts/__init__.py").write_text("")
    sys.path.insert(0, folder)
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "accounts"],
        AUTH_USER_MODEL="accounts.CustomUser",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    from django.contrib.auth import get_user_model

    for email, username, password in json.load(sys.stdin):
        get_user_model().objects.create_user(email=email, username=username, password=password)
    call_command("dumpdata")
