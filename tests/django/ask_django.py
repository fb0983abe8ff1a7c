"""Runs under Django, apart from the application: a question as argument, its items as JSON on standard input."""

import gzip
import json
import sys
from pathlib import Path
from types import SimpleNamespace

from django.conf import settings
from django.contrib.auth import password_validation as validation
from django.core.exceptions import ValidationError
from django.utils.http import url_has_allowed_host_and_scheme

import django


class Attributes(validation.UserAttributeSimilarityValidator):
    """The validator, for a user whose fields have the names of the reference Django app's."""

    def validate(self, password, user=None):
        """Refuse; the reference Django app's model calls its field `email`, too."""
        user._meta = SimpleNamespace(get_field=lambda name: SimpleNamespace(verbose_name=name))
        super().validate(password, user)


def passwords(items):
    """Return the sentences for each (password, username, email)."""
    rules = [Attributes(), validation.MinimumLengthValidator(), validation.NumericPasswordValidator()]
    verdicts = []
    for password, username, email in items:
        verdicts.append([])
        for rule in rules:
            try:
                rule.validate(password, SimpleNamespace(username=username, email=email))
            except ValidationError as error:
                verdicts[-1] += error.messages
    return verdicts


def common(_items):
    """Return the list."""
    path = Path(validation.__file__).parent / "common-passwords.txt.gz"
    return sorted({line.strip() for line in gzip.open(path, "rt", encoding="utf-8")})


def paths(items):
    """Tell of each whether it is safe to go there after a login."""
    return [url_has_allowed_host_and_scheme(item, {"localhost"}) for item in items]


settings.configure(USE_I18N=False)
django.setup()
print(json.dumps(globals()[sys.argv[1]](json.load(sys.stdin))))
