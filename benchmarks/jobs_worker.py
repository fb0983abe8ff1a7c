"""The application with the job of `benchmarks.jobs`, for a worker and a relay."""

import benchmarks.jobs  # noqa: F401  registers the job
from flaskcelery.app import create_app

flask_app = create_app()
app = flask_app.extensions["celery"]
