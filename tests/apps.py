"""Applications that tests share, as good as new."""

from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.extensions import mail
from flaskcelery.health.operations import RecentReadiness
from flaskcelery.metrics import Metrics
from flaskcelery.outbox.publisher import Publisher
from flaskcelery.users.password_policy import init_breaches
from flaskcelery.users.passwords import init_passwords
from flaskcelery.web.counters import init_limits

APPS: dict[frozenset[tuple[str, str]], Flask] = {}  # by their settings


def as_new(settings: dict[str, str]) -> Flask:
    """Return the application with these settings."""
    key = frozenset(settings.items())
    if key not in APPS:
        APPS[key] = create_app(settings)
        APPS[key].extensions["first_config"] = dict(APPS[key].config)
    renew(APPS[key])
    return APPS[key]


def renew(app: Flask) -> None:
    """Replace all that an application remembers outside its folder."""
    app.config.clear()
    app.config.update(app.extensions["first_config"])
    publisher = Publisher(app.extensions["celery"])
    app.extensions.update(metrics=Metrics(), publisher=publisher, readiness=RecentReadiness())
    app.extensions.update(slots=None, smtp_sessions=None)
    app.extensions.pop("strangers", None)
    app.extensions["celery"].set_default()
    mail.init_app(app)
    for init in (init_passwords, init_breaches, init_limits):
        init(app)


def close(app: Flask) -> None:
    """Close an application's connections to its database."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
