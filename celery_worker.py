"""The worker's entry point: `celery --app celery_worker worker`."""

from flaskcelery.app import create_app

app = create_app().extensions["celery"]
