"""The Celery instance: configured by `app.config["CELERY"]` alone; tasks run in an application context."""

from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging, worker_process_init
from flask import Flask
from kombu.transport import TRANSPORT_ALIASES

from flaskcelery.database import db

BROKERS = {
    "embedded": "flaskcelery.brokers.filesystem:Transport",
    "redis": "flaskcelery.brokers.redis:Transport",
    "rediss": "flaskcelery.brokers.redis:Transport",
}


def init_celery(app: Flask) -> Celery:
    """Create the Celery instance and store it as `app.extensions["celery"]`."""

    class FlaskTask(Task):  # type: ignore[type-arg]  # Celery's own class is not generic when it runs
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                return self.run(*args, **kwargs)

    TRANSPORT_ALIASES.update(BROKERS)
    celery: Celery = Celery(app.name, task_cls=FlaskTask, set_as_current=False)
    celery.config_from_object(app.config["CELERY"])
    celery.set_default()
    app.extensions["celery"] = celery

    def drop_inherited_connections(**_: object) -> None:
        with app.app_context():
            db.engine.dispose(close=False)

    setup_logging.connect(lambda **_: None, weak=False)  # keep ours: one format for every line
    worker_process_init.connect(drop_inherited_connections, weak=False)
    return celery
