"""What every template can use besides the names that Flask and its extensions provide."""

from flask import Flask
from flask_login import current_user

from flaskcelery.web.forms import find_focus
from flaskcelery.web.times import ago


def init_templates(app: Flask) -> None:
    app.extensions["strangers"] = {}  # the pages that web/strangers.py keeps
    app.jinja_env.filters["ago"] = ago
    app.jinja_env.globals["find_focus"] = find_focus

    @app.context_processor
    def add_globals() -> dict[str, object]:
        return {"site_name": app.config["SITE_NAME"], "current_user": current_user}  # loaded when a page reads it
