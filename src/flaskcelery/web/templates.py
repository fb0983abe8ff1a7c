"""What every template can use besides the names that Flask and its extensions provide."""

import functools
from typing import Any

from flask import Flask, request
from flask_login import current_user

from flaskcelery.web.forms import find_focus
from flaskcelery.web.qr_codes import draw_qr_code
from flaskcelery.web.static_files import version
from flaskcelery.web.times import ago
from flaskcelery.web.urls import public_url

MENU: dict[str, str] = {}  # the label of each page in the menu of users, by endpoint; features add theirs


def init_templates(app: Flask) -> None:
    app.extensions["strangers"] = {}  # the pages that web/strangers.py keeps
    app.jinja_env.filters["ago"] = ago
    app.jinja_env.filters["qr_code"] = draw_qr_code
    app.jinja_env.globals |= {"find_focus": find_focus, "menu": MENU, "public_url": public_url}

    build = functools.lru_cache(maxsize=1000)(app.url_for)

    @app.template_global()
    def url_for(endpoint: str, **values: Any) -> str:
        """Return the path of a page or static file. Each is built once, which is a fifth of a page's time."""
        if endpoint == "static":
            values["v"] = version(values["filename"])
        return build(f"{request.blueprint}{endpoint}" if endpoint.startswith(".") else endpoint, **values)

    @app.context_processor
    def add_globals() -> dict[str, object]:
        return {"site_name": app.config["SITE_NAME"], "current_user": current_user}  # loaded when a page reads it
