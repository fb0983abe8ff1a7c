"""What every template can use besides the names that Flask and its extensions provide."""

from datetime import UTC, datetime

from flask import Flask
from flask_login import current_user

from flaskcelery.web.forms import find_focus

UNITS = {"year": 365 * 86400, "month": 30 * 86400, "day": 86400, "hour": 3600, "minute": 60}  # seconds


def init_templates(app: Flask) -> None:
    app.jinja_env.filters["ago"] = describe_age
    app.jinja_env.globals["find_focus"] = find_focus

    @app.context_processor
    def add_globals() -> dict[str, object]:
        return {"site_name": app.config["SITE_NAME"], "current_user": current_user}  # loaded when a page reads it


def describe_age(moment: datetime) -> str:
    """Return how long ago a moment was, in its largest unit: "2 hours ago"."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for unit, length in UNITS.items():
        if (count := int(seconds // length)) > 0:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
