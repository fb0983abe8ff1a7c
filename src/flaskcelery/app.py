"""The application factory."""

import functools
import logging
from collections.abc import Callable, Mapping

from flask import Flask, request
from flask.typing import ResponseReturnValue
from jinja2 import FileSystemLoader

from flaskcelery import cli
from flaskcelery.account.email_links import bp as email_links
from flaskcelery.account.two_factor import bp as two_factor
from flaskcelery.account.views import bp as account
from flaskcelery.admin.views import bp as admin
from flaskcelery.admin.views import name_action, require_staff
from flaskcelery.auth.login_code import bp as login_code
from flaskcelery.auth.login_code import require_password
from flaskcelery.auth.views import bp as auth
from flaskcelery.auth.views import require_confirmation
from flaskcelery.celery_app import init_celery
from flaskcelery.config.checks import load_config
from flaskcelery.config.settings import MIGRATIONS, read_environ
from flaskcelery.database import db, init_database
from flaskcelery.dev.views import bp as dev
from flaskcelery.extensions import csrf, login_manager, mail, migrate
from flaskcelery.health.views import bp as health
from flaskcelery.home.views import bp as home
from flaskcelery.logs import init_logs
from flaskcelery.mail.smtp import init_smtp
from flaskcelery.metrics import init_metrics
from flaskcelery.outbox.delivery import register_tasks
from flaskcelery.outbox.heartbeat import init_heartbeat
from flaskcelery.outbox.publisher import init_publisher
from flaskcelery.outbox.slots import init_slots
from flaskcelery.signup.views import bp as signup
from flaskcelery.signup.views import require_open
from flaskcelery.tracing import init_tracing
from flaskcelery.users.password_policy import init_breaches
from flaskcelery.users.passwords import init_passwords
from flaskcelery.web.counters import init_limits
from flaskcelery.web.error_pages import init_error_pages
from flaskcelery.web.security import init_web, require_login
from flaskcelery.web.static_files import init_static_files
from flaskcelery.web.templates import MENU, init_templates

# Every blueprint and the guard of its pages: the one place that decides who can open which pages.
GUARDS = {
    health: None,
    home: None,
    signup: require_open,
    auth: None,
    login_code: require_password,
    email_links: None,
    account: require_login,
    two_factor: require_login,
    admin: require_staff,
}

# What asks for the password first, unless this session gave it lately, and what the page that asks calls it. A new
# password needs the old one anyway.
SENSITIVE: dict[str, str | Callable[[], str]] = {
    "account.submit_email": "Change your email",
    # The session that stays is renewed: a copied cookie must not become the only one.
    "account.submit_end_others": "Log out all other devices",
    "account.submit_export": "Download your data",
    "account.submit_delete": "Delete your account",
    "two_factor.submit": "Change two-factor authentication",
    "admin.submit": name_action,
}

logger = logging.getLogger(__name__)


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """Build the application from `environ`, or else the environment and `.env`; raise ConfigError with all problems."""
    config, warnings = load_config(read_environ() if environ is None else environ)
    app = Flask("flaskcelery", instance_path=config["INSTANCE_PATH"])
    app.config.update(config)
    # Each request asks this ten times, and inspects the function each time.
    app.ensure_sync = functools.lru_cache(maxsize=256)(app.ensure_sync)  # type: ignore[method-assign]
    # Blueprints bring their own templates; users/ is not one.
    app.jinja_loader = FileSystemLoader([f"{app.root_path}/templates", f"{app.root_path}/users/templates"])
    init_logs(config["LOG_LEVEL"], as_json=config["APP_ENV"] == "production")
    for warning in warnings:
        logger.warning("Configuration: %s", warning)

    if config["SENTRY_DSN"]:
        from flaskcelery.error_reports import init_error_reports  # noqa: PLC0415  its package is optional

        init_error_reports(config["SENTRY_DSN"], config["APP_ENV"])
    init_tracing(app)
    init_metrics(app)
    init_database(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    register_tasks(init_celery(app))
    mail.init_app(app)
    csrf.init_app(app)
    login_manager.init_app(app)
    for init in (init_publisher, init_slots, init_heartbeat, init_smtp, init_passwords, init_breaches):
        init(app)
    for init in (init_web, init_templates, init_static_files, init_limits, init_error_pages, init_blueprints):
        init(app)
    cli.init_cli(app)
    return app


def init_blueprints(app: Flask) -> None:
    """Register the blueprints, and run each one's guard before its views."""
    blueprints = GUARDS | ({dev: None} if app.config["APP_ENV"] == "development" else {})
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    if missing := sorted(MENU.keys() - app.view_functions.keys()):
        raise LookupError(f"MENU links to {missing}, which no blueprint has. Add theirs to GUARDS in {__file__}.")
    guards = {blueprint.name: guard for blueprint, guard in blueprints.items()}

    @app.before_request
    def check_guard() -> ResponseReturnValue | None:
        guard = guards.get(request.blueprint or "")
        if guard and (answer := guard()) is not None:
            return answer
        action = SENSITIVE.get(request.endpoint or "")
        return require_confirmation(action) if action else None
